/**
 * What this process really uses of the contracts that it calls: how often each method, and in a few calls which fields of the
 * request are set and which of the answer are read. Names and counts; no value is looked at.
 *
 * A call that is not looked at pays for one addition and one comparison. Of the first calls of a method in each report all are
 * looked at, so that what is called seldom is known as well; of the others about one in `sampleEvery`, at random, for a
 * pattern in the calls must not hide one of them; of very many fewer still, so that the cost has a bound.
 */
import type { DescField, Message } from "@bufbuild/protobuf";
import type { Method } from "../contract/method.ts";
import { isRestMethod } from "../contract/rest/rest-method.ts";
import { eachSetField } from "../contract/usage/set-fields.ts";
import { watchReads } from "../contract/usage/watch-reads.ts";
import type { Random } from "../runtime/random.ts";

/** Since it was taken last. */
export interface MethodUsageCounts {
  /** `shop.v1.OrderService/GetOrder` */
  readonly method: string;
  /** Messages are JSON. */
  readonly json: boolean;
  readonly calls: number;
  /** Of these, those that went by plain HTTP, by a binding of the method. */
  readonly restCalls: number;
  /** Of the calls, those that were looked at. */
  readonly sampledCalls: number;
  /** By full name: in how many of the sampled calls it was read in the answer, and set in the request. */
  readonly fields: ReadonlyMap<string, FieldCounts>;
  /** There are more fields than can be told. */
  readonly fieldsCut: boolean;
}

export interface FieldCounts {
  readIn: number;
  setIn: number;
}

export interface ContractUsageOptions {
  readonly random: Random;
  /** One call in so many is looked at. */
  readonly sampleEvery: number;
}

export class ContractUsage {
  readonly #options: ContractUsageOptions;
  readonly #methods = new Map<string, MethodUses>();
  readonly #known = new WeakMap<Method, MethodUses>();

  constructor(options: ContractUsageOptions) {
    this.#options = options;
  }

  /** Where calls of the method are counted; undefined when there are too many methods. */
  of(method: Method): MethodUses | undefined {
    return this.#known.get(method) ?? this.#enter(method);
  }

  /** Channels may have methods of their own for one of the contract. */
  #enter(method: Method): MethodUses | undefined {
    const key = `${isRestMethod(method) ? "rest" : method.form} ${method.name}`;
    let uses = this.#methods.get(key);
    if (uses === undefined) {
      if (this.#methods.size === MAX_METHODS) return undefined;
      uses = new MethodUses(method, this.#options);
      this.#methods.set(key, uses);
    }
    this.#known.set(method, uses);
    return uses;
  }

  /** What was counted since the last time. */
  take(): readonly MethodUsageCounts[] {
    const taken: MethodUsageCounts[] = [];
    for (const uses of this.#methods.values()) {
      const counts = uses.take();
      if (counts !== undefined) taken.push(counts);
    }
    return taken;
  }
}

export class MethodUses {
  readonly #method: Method;
  readonly #options: ContractUsageOptions;
  #calls = 0;
  #sampled = 0;
  /** Calls until the next one that is looked at. */
  #left = 1;
  #fields = new Map<string, FieldCounts>();
  #cut = false;

  constructor(method: Method, options: ContractUsageOptions) {
    this.#method = method;
    this.#options = options;
  }

  /** A call begins. True when it is to be looked at. */
  count(): boolean {
    this.#calls++;
    return --this.#left === 0;
  }

  /** Of the call that `count` has said to look at. */
  sample(): CallSample {
    this.#sampled++;
    const { random, sampleEvery } = this.#options;
    const every = this.#sampled < MANY_SAMPLES ? sampleEvery : sampleEvery * 16;
    this.#left = this.#sampled < FIRST_CALLS ? 1 : 1 + random.below(2 * every - 1);
    return new CallSample(this.#method, this);
  }

  /** In the call that is sampled now, or in one from before, whose answer is read late. */
  note(field: DescField, how: keyof FieldCounts): void {
    const name = `${field.parent.typeName}.${field.name}`;
    let counts = this.#fields.get(name);
    if (counts === undefined) {
      if (this.#fields.size === MAX_FIELDS) {
        this.#cut = true;
        return;
      }
      this.#fields.set(name, (counts = { readIn: 0, setIn: 0 }));
    }
    counts[how]++;
  }

  /** Undefined when there was nothing. */
  take(): MethodUsageCounts | undefined {
    if (this.#calls === 0 && this.#fields.size === 0) return undefined;
    const counts = {
      method: this.#method.name,
      json: this.#method.form === "json",
      calls: this.#calls,
      restCalls: isRestMethod(this.#method) ? this.#calls : 0,
      sampledCalls: this.#sampled,
      fields: this.#fields,
      fieldsCut: this.#cut,
    };
    this.#calls = 0;
    this.#sampled = 0;
    this.#left = 1;
    this.#fields = new Map();
    this.#cut = false;
    return counts;
  }
}

/** One call that is looked at. Each field counts once in it, however many messages it has. */
export class CallSample {
  readonly #method: Method;
  readonly #uses: MethodUses;
  readonly #read = new Set<DescField>();
  readonly #set = new Set<DescField>();
  #messages = 0;

  constructor(method: Method, uses: MethodUses) {
    this.#method = method;
    this.#uses = uses;
  }

  /** `bytes[start, end)` is what the method's codec has written. */
  sent(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (++this.#messages > MAX_MESSAGES) return;
    const { input, desc } = this.#method;
    try {
      // Of what was written, and not of what was given: a getter of the program's would run twice.
      const message = input.decode(bytes, start, end);
      if (message.$typeName !== desc.input.typeName) return;
      eachSetField(message, desc.input, (field) => this.#note(this.#set, field, "setIn"));
    } catch {
      // Codecs that write requests of another kind do not read them; the call counts all the same.
    }
  }

  received(message: Message): void {
    if (++this.#messages > MAX_MESSAGES) return;
    watchReads(message, this.#method.desc.output, (field) => this.#note(this.#read, field, "readIn"));
  }

  #note(seen: Set<DescField>, field: DescField, how: keyof FieldCounts): void {
    if (seen.has(field)) return;
    seen.add(field);
    this.#uses.note(field, how);
  }
}

const MAX_METHODS = 1_000;
const MAX_FIELDS = 2_000;
/** Of one call: a stream may have any number. */
const MAX_MESSAGES = 16;
/** Looked at one and all. */
const FIRST_CALLS = 16;
/** So many say enough about what is usual; what comes after is for what is not. */
const MANY_SAMPLES = 500;
