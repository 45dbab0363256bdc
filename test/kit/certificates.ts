/**
 * Certificates for tests: an authority of one's own and leaves that it signs, made in memory in a millisecond each,
 * without network and without another program.
 *
 * Why not a library: those that issue certificates bring an ASN.1 framework along, and what tests need is one profile
 * (RFC 5280: version 3, P-256, ECDSA with SHA-256) that is a page of DER. That `node:tls`, curl and grpc-js accept
 * the result is what the tests over TLS show.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** Certificate and private key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  /** Host names and IP addresses that the certificate is for. Default: `localhost`, 127.0.0.1 and ::1. */
  readonly names?: readonly string[];
  /** URIs that it is for, such as a SPIFFE id. */
  readonly uris?: readonly string[];
  /** Default: a minute ago. */
  readonly notBefore?: Date;
  /** Default: in an hour. */
  readonly notAfter?: Date;
}

export interface Authority extends Certificate {
  /** A leaf for servers and clients alike. */
  issue(options?: LeafOptions): Certificate;
}

/** Another call, another authority, whatever the name. */
export function createAuthority(name = "Test authority"): Authority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { name, key: privateKey };
  const authorityKeyId = keyIdOf(publicKey);
  return {
    cert: certificate(issuer, name, publicKey, daysFromNow(-1), daysFromNow(1), [
      extension(BASIC_CONSTRAINTS, true, sequence(der(0x01, Uint8Array.of(0xff)))),
      // keyCertSign and cRLSign.
      extension(KEY_USAGE, true, der(0x03, Uint8Array.of(1, 0x06))),
      extension(SUBJECT_KEY_ID, false, der(0x04, authorityKeyId)),
    ]),
    key: pem(privateKey),
    issue({ names = ["localhost", "127.0.0.1", "::1"], uris = [], notBefore, notAfter } = {}) {
      const leaf = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const subject = names[0] ?? uris[0] ?? "leaf";
      return {
        cert: certificate(
          issuer,
          subject,
          leaf.publicKey,
          notBefore ?? daysFromNow(-1 / 1440),
          notAfter ?? daysFromNow(1 / 24),
          [
            extension(BASIC_CONSTRAINTS, true, sequence()),
            // digitalSignature.
            extension(KEY_USAGE, true, der(0x03, Uint8Array.of(7, 0x80))),
            extension(EXTENDED_KEY_USAGE, false, sequence(oid(SERVER_AUTH), oid(CLIENT_AUTH))),
            extension(SUBJECT_KEY_ID, false, der(0x04, keyIdOf(leaf.publicKey))),
            extension(AUTHORITY_KEY_ID, false, sequence(der(0x80, authorityKeyId))),
            extension(
              SUBJECT_ALT_NAME,
              false,
              sequence(...names.map(nameEntry), ...uris.map((uri) => der(0x86, ascii(uri)))),
            ),
          ],
        ),
        key: pem(leaf.privateKey),
      };
    },
  };
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

function certificate(
  issuer: Issuer,
  subject: string,
  publicKey: KeyObject,
  notBefore: Date,
  notAfter: Date,
  extensions: readonly Uint8Array[],
): string {
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const body = sequence(
    der(0xa0, integer(Uint8Array.of(2))),
    integer(Uint8Array.of(0x40, ...randomBytes(15))),
    algorithm,
    commonName(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuer.key);
  const whole = sequence(body, algorithm, der(0x03, concat([Uint8Array.of(0), signature])));
  const lines =
    Buffer.from(whole)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

const ECDSA_WITH_SHA256 = [1, 2, 840, 10045, 4, 3, 2];
const COMMON_NAME = [2, 5, 4, 3];
const SUBJECT_KEY_ID = [2, 5, 29, 14];
const KEY_USAGE = [2, 5, 29, 15];
const SUBJECT_ALT_NAME = [2, 5, 29, 17];
const BASIC_CONSTRAINTS = [2, 5, 29, 19];
const AUTHORITY_KEY_ID = [2, 5, 29, 35];
const EXTENDED_KEY_USAGE = [2, 5, 29, 37];
const SERVER_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH = [1, 3, 6, 1, 5, 5, 7, 3, 2];

function extension(id: readonly number[], critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [der(0x01, Uint8Array.of(0xff))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

function nameEntry(name: string): Uint8Array {
  const version = isIP(name);
  if (version === 0) return der(0x82, ascii(name));
  return der(0x87, version === 4 ? Uint8Array.from(name.split("."), Number) : ipv6(name));
}

/** Sixteen bytes; `::` stands for as many zeros as are missing. */
function ipv6(text: string): Uint8Array {
  const [head = "", tail = ""] = text.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function commonName(name: string): Uint8Array {
  return sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, new TextEncoder().encode(name)))));
}

/** RFC 5280 §4.1.2.5: two digits for the year until 2049, four from then on. */
function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/\D/g, "").slice(0, 14);
  return date.getUTCFullYear() < 2050
    ? der(0x17, ascii(`${digits.slice(2)}Z`))
    : der(0x18, ascii(`${digits}Z`));
}

function keyIdOf(publicKey: KeyObject): Uint8Array {
  return createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }) as string;
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}

// DER: tag, length, content.

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(0x30, concat(parts));
}

/** The first byte must be below 128: the numbers that stand in certificates are positive. */
function integer(bytes: Uint8Array): Uint8Array {
  return der(0x02, bytes);
}

function oid([first = 0, second = 0, ...rest]: readonly number[]): Uint8Array {
  return der(0x06, Uint8Array.of(first * 40 + second, ...rest.flatMap(base128)));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat([Uint8Array.of(tag, ...size), content]);
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, "ascii");
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
