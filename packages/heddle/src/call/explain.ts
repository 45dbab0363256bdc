/**
 * What a call's record says, in words: one sentence with the cause, and the details under it. The same text stands in
 * the terminal, on the dashboard's page and wherever a program prints it.
 *
 * The sentence claims no more than the record shows. Of a request that got no answer it tells apart whether its connection
 * was alive meanwhile (the instance is slow), or silent for so long that it would have answered when asked (it is gone, cut
 * off or stands still), or neither can be said yet. Pure.
 */
import { CATALOGUE } from "./error-catalogue.ts";
import type { AttemptRecord, CallRecord, CandidateRecord } from "./record.ts";
import { oneLine } from "./one-line.ts";

export interface Explanation {
  /** The cause, in one sentence. */
  readonly sentence: string;
  /** Line by line; what begins with two spaces belongs to the line before. */
  readonly details: readonly string[];
}

/** Of any call; of one that ended well it says how it went. */
export function explain(record: CallRecord): Explanation {
  return { sentence: oneLine(sentenceOf(record)), details: detailsOf(record).map(oneLineIndented) };
}

/** The explanation as a text of several lines. */
export function explainText(record: CallRecord): string {
  const { sentence, details } = explain(record);
  return [sentence, ...details.map((line) => `  ${line}`)].join("\n");
}

function sentenceOf(record: CallRecord): string {
  const { method, status, elapsedMs, attempts, side } = record;
  if (record.error === undefined) {
    const where = attempts.at(-1);
    const by = where === undefined ? "" : ` by ${nameOf(where)}`;
    const tried = attempts.length > 1 ? ` at attempt ${attempts.length}` : "";
    return `${method} was answered${by} after ${ms(elapsedMs)}${tried}.`;
  }
  return `${method} failed with ${status}: ${side === "server" ? causeAtServer(record) : causeAtClient(record)}.`;
}

function causeAtServer({ error, phase, deadlineMs, elapsedMs, target }: CallRecord): string {
  const code = error?.code;
  if (code === DEADLINE && phase === "waiting for the request")
    return `${target} had not sent the whole request when its deadline of ${ms(deadlineMs)} passed`;
  if (code === DEADLINE)
    return `the handler had not answered after ${ms(elapsedMs)}, when the caller's deadline of ${ms(deadlineMs)} passed`;
  return code === undefined
    ? `the handler answered so: "${error?.message}"`
    : `${withoutCode(error?.message ?? "")} (${code})`;
}

function causeAtClient(record: CallRecord): string {
  const { error, attempts, deadlineMs, inherited, phase } = record;
  const message = withoutCode(error?.message ?? "");
  const code = error?.code;
  const last = attempts.at(-1);
  if (code === DEADLINE) {
    if (deadlineMs <= 0)
      return `the served call ${inherited?.method ?? ""} had no time left for it`.replace("  ", " ");
    const until = deadlineText(record);
    if (phase === "waiting for a place") return `it waited for a place of its rule ${until}`;
    if (last === undefined || last.instance === "") return `${noInstanceText(record)} ${until}`;
    if (phase === "backing off") return `${failureOf(last)}, and ${until} it waited before another attempt`;
    if (phase === "waiting for a stream")
      return `${nameOf(last)} had no free stream for ${ms(last.elapsedMs)} ${until}, with ${calls(last.inFlight)} of this client there`;
    return unanswered(last, ` ${until}`);
  }
  // Why nobody could be reached is in the message; it names addresses and reasons.
  if (code === CATALOGUE.noInstance.id || code === CATALOGUE.noneReady.id) return beforeThat(record, message);
  if (last === undefined || last.instance === "" || code?.startsWith("HDL-1")) return message;
  if (code === undefined) return `${nameOf(last)} answered so: "${message}"${afterRetries(record)}`;
  if (code === CATALOGUE.instanceSilent.id) return `${unanswered(last, "")}${afterRetries(record)}`;
  const named = message.includes(last.address) || message.includes(last.instance);
  return `${message}${named ? "" : `, at ${nameOf(last)}`}${afterRetries(record)}`;
}

/** A call whose first attempts failed elsewhere, and which then found nobody. */
function beforeThat({ attempts }: CallRecord, message: string): string {
  const failed = attempts.findLast(({ instance, error }) => instance !== "" && error !== undefined);
  return failed === undefined ? message : `${message}; before that, ${failureOf(failed)}`;
}

function afterRetries({ attempts, stoppedBecause }: CallRecord): string {
  if (attempts.length < 2) return "";
  return `, at the last of ${attempts.length} attempts${stoppedBecause === undefined ? "" : ` (${stoppedBecause})`}`;
}

function noInstanceText({ candidates = [], target }: CallRecord): string {
  if (candidates.length === 0) return `no instance of ${target} was known`;
  const [first] = candidates;
  const why = first?.why === undefined ? "" : `: ${withoutCode(first.why)}`;
  return `none of the ${candidates.length} known instances of ${target} could be reached${why}`;
}

function deadlineText({ deadlineMs, inherited }: CallRecord): string {
  return inherited === undefined
    ? `until the deadline of ${ms(deadlineMs)}`
    : `until the ${ms(deadlineMs)} were over that were left of the ${ms(inherited.deadlineMs)} of ${inherited.method}`;
}

/** It was sent, and there is no answer. */
function unanswered(attempt: AttemptRecord, until: string): string {
  const { elapsedMs, untilSentMs, heardAgoMs, inFlight = 1 } = attempt;
  const waitedMs = Math.max(0, elapsedMs - untilSentMs);
  const name = nameOf(attempt);
  const others = inFlight > 1 ? `, with ${calls(inFlight)} of this client there` : "";
  const had = `${name} had the request for ${ms(waitedMs)}${until} and did not answer`;
  if (heardAgoMs === undefined) return `${had}${others}`;
  // A sign of life that came with the request's own sending says nothing about what came after.
  if (heardAgoMs < waitedMs - SENDING_MS)
    return `${name} is slow: it had the request for ${ms(waitedMs)}${until} and did not answer${others}, although its connection was alive ${ms(heardAgoMs)} before the end`;
  if (waitedMs >= TELLING_SILENCE_MS)
    return `nothing at all came from ${name} in the ${ms(waitedMs)} after it was sent the request${until}${others}: it is gone, cut off or stands still`;
  return `${had}${others}: it is slow or gone, which so short a silence does not tell`;
}

const DEADLINE: string = CATALOGUE.deadlineExceeded.id;
const SENDING_MS = 5;
/** Longer than any pause that is usual: what is alive says something in that time, or is asked to (`silenceMs`). */
const TELLING_SILENCE_MS = 900;

function failureOf(attempt: AttemptRecord): string {
  const { error = "", address, instance } = attempt;
  const message = withoutCode(error);
  return message.includes(address) || message.includes(instance)
    ? message
    : `${nameOf(attempt)} failed with ${attempt.status}: ${message}`;
}

function detailsOf(record: CallRecord): string[] {
  const { attempts, elapsedMs, deadlineMs, inherited, stoppedBecause, error, traceId } = record;
  const given = deadlineMs === Number.POSITIVE_INFINITY ? "without a deadline" : `of ${ms(deadlineMs)}`;
  const lines = [
    `${record.status}${error?.code === undefined ? "" : ` ${error.code}`} after ${ms(elapsedMs)} ${given}, to ${record.target}`,
  ];
  if (inherited !== undefined)
    lines.push(
      `deadline from ${inherited.method}: ${ms(inherited.leftMs)} left of its ${ms(inherited.deadlineMs)}; by itself the call would have had ${ms(inherited.wantedMs)}`,
    );
  attempts.forEach((attempt, i) => lines.push(...attemptLines(attempt, i + 1)));
  for (const candidate of record.candidates ?? [])
    if (candidate.state !== "ready") lines.push(`not used: ${candidateText(candidate)}`);
  const ready = record.candidates?.filter(({ state }) => state === "ready").length ?? 0;
  if (record.candidates !== undefined) {
    const omitted = record.candidatesOmitted ?? 0;
    lines.push(`${ready} ready when it ended${omitted === 0 ? "" : `, and ${omitted} more instances`}`);
  }
  if (stoppedBecause !== undefined && record.side === "client") {
    const { budgetLeft } = record;
    const budget = budgetLeft === undefined ? "" : `; the retry budget had ${Math.floor(budgetLeft)} left`;
    lines.push(
      `no further attempt: ${stoppedBecause}${record.repeatable ? "" : "; the method is not declared repeatable"}${budget}`,
    );
  }
  if (error?.hint !== undefined) lines.push(`next: ${error.hint}`);
  if (traceId !== undefined) lines.push(`trace ${traceId}`);
  return lines;
}

function attemptLines(attempt: AttemptRecord, number: number): string[] {
  const { startedAfterMs, untilSentMs, elapsedMs, status, hedge, error, pickedFrom, inFlight } = attempt;
  const kind = hedge === true ? "hedge" : "attempt";
  const chosen = pickedFrom === undefined || pickedFrom === 0 ? "" : `, one of ${pickedFrom}`;
  const busy = inFlight === undefined || inFlight < 2 ? "" : `, ${calls(inFlight)} there`;
  const where = attempt.instance === "" ? "no instance" : `${nameOf(attempt)}${chosen}${busy}`;
  const waited = Math.max(0, elapsedMs - untilSentMs);
  const times =
    attempt.instance === ""
      ? `waited ${ms(elapsedMs)}`
      : `sent after ${ms(untilSentMs)}, then ${ms(waited)} until ${status}`;
  const lines = [`${kind} ${number} at ${ms(startedAfterMs)}: ${where}; ${times}`];
  if (error !== undefined) lines.push(`  ${error}`);
  return lines;
}

function candidateText({ instance, address, state, why, inFlight }: CandidateRecord): string {
  const name = instance === address || instance === "" ? address : `${instance} (${address})`;
  const calling = inFlight === 0 ? "" : `, ${calls(inFlight)} under way`;
  return `${name} is ${state === "transient_failure" ? "out of reach" : state}${calling}${why === undefined ? "" : `: ${why}`}`;
}

function nameOf({ instance, address }: AttemptRecord): string {
  return instance === address || instance === "" ? address : `${instance} (${address})`;
}

function calls(count = 1): string {
  return count === 1 ? "1 call" : `${count} calls`;
}

function ms(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "any time";
  return `${value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ms`;
}

/** The code stands elsewhere in the line. */
function withoutCode(text: string): string {
  return text.replace(/ \(HDL-\d{4}\)/g, "");
}

function oneLineIndented(line: string): string {
  return line.startsWith("  ") ? `  ${oneLine(line.slice(2))}` : oneLine(line);
}
