"""Calls grpc.testing.TestService from Python's gRPC, a layer on the C core: python3 python-client.py CASE ADDRESSES.

Messages are written by hand, so that no generated code is needed. Prints one line of JSON; a case that is given
its end from outside reads a line from standard input first.
"""

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE = "/grpc.testing.TestService/"
LARGE = 314_159


def request(response_size, payload=b""):
    """SimpleRequest { response_size = 2, payload = 3 { body = 2 } }"""
    body = b"\x12" + varint(len(payload)) + payload
    return b"\x10" + varint(response_size) + b"\x1a" + varint(len(body)) + body


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def connect(addresses, options=()):
    return grpc.insecure_channel("ipv4:" + addresses, options=list(options))


def unary(channel):
    return channel.unary_unary(SERVICE + "UnaryCall")


def outcome(call):
    try:
        return "OK", call()
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}", None


def many(addresses):
    """500 calls, 50 at once, each message compressed."""
    with connect(addresses) as channel, ThreadPoolExecutor(50) as pool:
        call = unary(channel)
        ask = lambda _: outcome(lambda: call(request(LARGE, bytes(20_000)), compression=grpc.Compression.Gzip))
        answers = list(pool.map(ask, range(500)))
    return {
        "outcomes": Counter(status for status, _ in answers),
        "sizes": sorted({len(answer) for _, answer in answers if answer is not None}),
    }


def metadata(addresses):
    """Names that come twice, bytes, and 7 KiB of it."""
    sent = [("x-grpc-test-echo-initial", "a"), ("x-grpc-test-echo-trailing-bin", bytes(range(256))), ("x-long", "y" * 7000)]
    with connect(addresses) as channel:
        _, call = unary(channel).with_call(request(1), metadata=sent)
    return {
        "initial": dict(call.initial_metadata()).get("x-grpc-test-echo-initial"),
        "trailing": list(dict(call.trailing_metadata()).get("x-grpc-test-echo-trailing-bin", b"")) == list(range(256)),
    }


def too_large(addresses):
    """A request over the server's limit."""
    with connect(addresses, [("grpc.max_send_message_length", -1)]) as channel:
        return outcome(lambda: unary(channel)(request(1, bytes(5_000_000))))[0]


def keepalive(addresses):
    """A stream that is silent for two seconds under a ping every 100 ms, then a call on the same connection."""
    options = [
        ("grpc.keepalive_time_ms", 100),
        ("grpc.keepalive_timeout_ms", 1000),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with connect(addresses, options) as channel:
        stop = threading.Event()
        silent = lambda: iter(stop.wait, True)
        stream = channel.stream_stream(SERVICE + "FullDuplexCall")((b"" for _ in silent()))
        stop.wait(2)
        status, answer = outcome(lambda: unary(channel)(request(7)))
        stop.set()
        return {"status": status, "answered": answer is not None, "stream": outcome(lambda: len(list(stream)))[0]}


def drain(addresses):
    """Calls without a pause until a line comes; a server goes away meanwhile."""
    stop = threading.Event()
    with connect(addresses, [("grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}')]) as channel:
        call = unary(channel)

        def work(_):
            seen = Counter()
            while not stop.is_set():
                seen[outcome(lambda: call(request(10), wait_for_ready=True, timeout=10))[0]] += 1
            return seen

        with ThreadPoolExecutor(8) as pool:
            workers = [pool.submit(work, i) for i in range(8)]
            call(request(1), wait_for_ready=True)
            print("running", flush=True)
            sys.stdin.readline()
            stop.set()
            return sum((worker.result() for worker in workers), Counter())


CASES = {case.__name__: case for case in (many, metadata, too_large, keepalive, drain)}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](sys.argv[2])), flush=True)
