/** A kept call as a message and back. Texts are cut, so that a report is no larger for what somebody put into an error. */
import { create } from "@bufbuild/protobuf";
import type { ErrorOrigin } from "../call/error-catalogue.ts";
import { oneLine } from "../call/one-line.ts";
import type { AttemptRecord, CallPhase, CandidateRecord } from "../call/record.ts";
import {
  type Attempt,
  CallSide,
  KeptBecause,
  type KeptCall as KeptCallMessage,
  KeptCallSchema,
} from "../gen/heddle/telemetry/v1/telemetry_pb.ts";
import type { CallState, KeptCall } from "../telemetry/recent-calls.ts";

/** Without the texts of errors that are not ours, if `errorTexts` is false. */
export function toKeptCallMessage({ state, record }: KeptCall, errorTexts: boolean): KeptCallMessage {
  const { deadlineMs, inherited, error, attempts, candidates = [], budgetLeft } = record;
  const isOurs = error?.code !== undefined;
  const text = (message: string, ours: boolean) => (errorTexts || ours ? cut(message) : "(not told)");
  return create(KeptCallSchema, {
    id: record.id,
    side: record.side === "client" ? CallSide.CLIENT : CallSide.SERVER,
    because: BECAUSE[state],
    method: record.method,
    peer: cut(record.target),
    status: record.status,
    startedMs: record.startedAtMs,
    elapsedMs: record.elapsedMs,
    ...(deadlineMs === Number.POSITIVE_INFINITY ? {} : { deadlineMs }),
    traceId: record.traceId ?? "",
    ...(error === undefined
      ? {}
      : {
          error: {
            code: error.code ?? "",
            message: text(error.message, isOurs),
            origin: error.origin ?? "",
            hint: error.hint ?? "",
          },
        }),
    phase: record.phase ?? "",
    attempts: attempts.slice(-MAX_LISTED).map((attempt) => ({
      ...attempt,
      error: attempt.error === undefined ? "" : text(attempt.error, false),
    })),
    stoppedBecause: record.stoppedBecause ?? "",
    repeatable: record.repeatable,
    ...(inherited === undefined ? {} : { inherited }),
    candidates: candidates
      .slice(0, MAX_LISTED)
      .map(({ why = "", ...given }) => ({ ...given, why: cut(why) })),
    candidatesOmitted: record.candidatesOmitted ?? 0,
    ...(budgetLeft === undefined ? {} : unlessInfinite("budgetLeft", budgetLeft)),
    maxAttempts: record.maxAttempts ?? 0,
  });
}

/** What is not finite, or of no kind that we know, is left out: others wrote it. */
export function fromKeptCallMessage(message: KeptCallMessage): KeptCall {
  const { inherited, error, traceId, phase, stoppedBecause, maxAttempts, budgetLeft } = message;
  const side = message.side === CallSide.SERVER ? "server" : "client";
  return {
    state: STATES[message.because] ?? "sampled",
    record: {
      id: message.id,
      side,
      method: message.method,
      target: message.peer,
      status: message.status,
      startedAtMs: finite(message.startedMs),
      elapsedMs: finite(message.elapsedMs),
      deadlineMs: message.deadlineMs === undefined ? Number.POSITIVE_INFINITY : finite(message.deadlineMs),
      ...(inherited === undefined
        ? {}
        : {
            inherited: {
              method: inherited.method,
              deadlineMs: finite(inherited.deadlineMs),
              leftMs: finite(inherited.leftMs),
              wantedMs: inherited.wantedMs ?? Number.POSITIVE_INFINITY,
            },
          }),
      ...(traceId === "" ? {} : { traceId }),
      attempts: message.attempts.map(toAttempt),
      ...(maxAttempts === 0 ? {} : { maxAttempts }),
      ...(stoppedBecause === "" ? {} : { stoppedBecause }),
      repeatable: message.repeatable,
      ...(error === undefined
        ? {}
        : {
            error: {
              message: error.message,
              ...(error.code === "" ? {} : { code: error.code }),
              ...(error.origin === "" ? {} : { origin: error.origin as ErrorOrigin }),
              ...(error.hint === "" ? {} : { hint: error.hint }),
            },
          }),
      ...(phase === "" ? {} : { phase: phase as CallPhase }),
      ...(error === undefined || side === "server"
        ? {}
        : {
            candidates: message.candidates.map(
              ({ instance, address, state, why, inFlight }): CandidateRecord => ({
                instance,
                address,
                state,
                inFlight,
                ...(why === "" ? {} : { why }),
              }),
            ),
          }),
      ...(message.candidatesOmitted === 0 ? {} : { candidatesOmitted: message.candidatesOmitted }),
      ...(budgetLeft === undefined ? {} : { budgetLeft: finite(budgetLeft) }),
    },
  };
}

function toAttempt(attempt: Attempt): AttemptRecord {
  const { instance, address, status, hedge, error, pickedFrom, inFlight, heardAgoMs } = attempt;
  return {
    instance,
    address,
    startedAfterMs: finite(attempt.startedAfterMs),
    untilSentMs: finite(attempt.untilSentMs),
    elapsedMs: finite(attempt.elapsedMs),
    status,
    ...(hedge ? { hedge } : {}),
    ...(error === "" ? {} : { error }),
    ...(pickedFrom === 0 ? {} : { pickedFrom, inFlight }),
    ...(heardAgoMs === undefined ? {} : { heardAgoMs: finite(heardAgoMs) }),
  };
}

const BECAUSE: Readonly<Record<CallState, KeptBecause>> = {
  failed: KeptBecause.FAILED,
  slow: KeptBecause.SLOW,
  sampled: KeptBecause.SAMPLED,
};
const STATES: Readonly<Partial<Record<KeptBecause, CallState>>> = {
  [KeptBecause.FAILED]: "failed",
  [KeptBecause.SLOW]: "slow",
  [KeptBecause.SAMPLED]: "sampled",
};

/** Attempts and candidates in one call. */
export const MAX_LISTED = 16;
const MAX_TEXT = 400;

function cut(text: string): string {
  const line = oneLine(text);
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function unlessInfinite<Name extends string>(name: Name, value: number): Partial<Record<Name, number>> {
  return (Number.isFinite(value) ? { [name]: value } : {}) as Partial<Record<Name, number>>;
}
