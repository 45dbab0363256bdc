/**
 * The precondition of a request that changes something, `if-match`: its tag goes into the field of the request that the
 * contract marks, for only the handler can compare and change in one step. What no handler could tell is refused here.
 * Source: RFC 9110 §13.1.1 and §13.1.2, AIP-154
 */
import type { DescField, Message } from "@bufbuild/protobuf";
import { HeddleError, reasonText } from "../../call/errors.ts";
import type { AnswerPlan } from "./answer-plan.ts";
import type { Binding } from "./binding.ts";
import { type EntityTag, readEntityTags, valueOfTag } from "./entity-tag.ts";
import type { TagField } from "./entity-tag-field.ts";
import { enter, setValue, valueOf } from "./field-path.ts";

/** The fields of a request that say on which condition it is meant; undefined for those that it does not have. */
export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/**
 * Puts the tag of `if-match` into the request. Throws `preconditionFailed` when no state can have it, and `parameterInvalid`
 * for a condition that nobody would look at.
 */
export function placeWantedTag(
  binding: Binding,
  { isTagged, wanted, location }: AnswerPlan,
  { ifMatch, ifNoneMatch }: Conditions,
  request: Message,
): void {
  // `*` on what makes something: it is not to be there yet. The handler says ALREADY_EXISTS.
  if (ifNoneMatch !== undefined && isTagged && !(ifNoneMatch.trim() === "*" && location !== undefined))
    throw invalid(binding, "if-none-match", "it is for what is read, or * for what is made");
  if (ifMatch === undefined) return;
  const tags = readEntityTags(ifMatch);
  if (tags === undefined) throw invalid(binding, "if-match", "it is neither * nor a list of entity tags");
  if (wanted === undefined) {
    if (!isTagged) return;
    throw invalid(binding, "if-match", "no field of the request takes it, so it would not be looked at");
  }
  // Whether there is anything the handler finds out.
  if (tags === "*") return;
  const values = valuesOf(tags, wanted);
  if (values.length === 0) throw failed(binding, "none of the tags in if-match can be the current one");
  if (values.length > 1 && !wanted.repeated)
    throw invalid(binding, "if-match", "it names several tags, and this method takes one");
  place(binding, wanted, values, request);
}

/** As the contract writes them, each once. Weak ones never permit a change, and a text that is none of the field is no tag. */
function valuesOf(tags: readonly EntityTag[], { text }: TagField): readonly unknown[] {
  const values = new Map<string, unknown>();
  for (const tag of tags) {
    const written = tag.weak ? undefined : valueOfTag(tag);
    if (written === undefined || written === "") continue;
    try {
      values.set(written, text.read(written));
    } catch {
      // No state has this tag.
    }
  }
  return [...values.values()];
}

function place(
  binding: Binding,
  { path, text, repeated }: TagField,
  values: readonly unknown[],
  request: Message,
): void {
  const field = path.at(-1) as DescField;
  const [value] = values;
  try {
    const parent = enter(request, path);
    const given = valueOf(parent, field);
    const isOther = repeated
      ? given !== undefined
      : given !== undefined && text.write(given) !== text.write(value);
    if (!isOther) return setValue(parent, field, repeated ? [...values] : value);
  } catch (error) {
    throw invalid(binding, "if-match", reasonText(error));
  }
  // No state has both.
  const name = path.map((each) => each.name).join(".");
  throw failed(binding, `if-match and the field ${name} have different values`);
}

function failed(binding: Binding, reason: string): HeddleError {
  return new HeddleError("preconditionFailed", { method: nameOf(binding), reason });
}

function invalid(binding: Binding, parameter: string, reason: string): HeddleError {
  return new HeddleError("parameterInvalid", { parameter, method: nameOf(binding), reason });
}

function nameOf({ method }: Binding): string {
  return `${method.parent.typeName}/${method.name}`;
}
