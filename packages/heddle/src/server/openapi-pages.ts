/**
 * The contract for those who call by plain HTTP: `/openapi.json` for tools, `/docs` for people. Both are made when somebody
 * first asks, and once: to write a large one takes longer than anybody may cost who only asks.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { createOpenApi, type OpenApiInfo } from "../contract/openapi/openapi-document.ts";
import { readablePage } from "../contract/openapi/readable-page.ts";
import type { Binding } from "../contract/rest/binding.ts";
import type { HttpPage } from "./http-page.ts";

export interface OpenApiOptions extends OpenApiInfo {
  /** Answers `GET /docs`, the same for people. Default true. */
  readonly page?: boolean;
}

/** None when it is not asked for. */
export function openApiPages(
  bindings: readonly Binding[],
  options: OpenApiOptions | boolean | undefined,
): readonly HttpPage[] {
  if (options === undefined || options === false) return [];
  const { page = true, ...info } = options === true ? {} : options;
  let made: JsonObject | undefined;
  let text: string | undefined;
  let html: string | undefined;
  const document = () => (made ??= createOpenApi(bindings, info));
  const json: HttpPage = {
    path: "/openapi.json",
    answer: () => ({
      status: 200,
      contentType: "application/json",
      body: (text ??= JSON.stringify(document())),
    }),
  };
  const docs: HttpPage = {
    path: "/docs",
    answer: () => ({
      status: 200,
      contentType: "text/html; charset=utf-8",
      body: (html ??= readablePage(document())),
      fields: ["content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"],
    }),
  };
  return page ? [json, docs] : [json];
}
