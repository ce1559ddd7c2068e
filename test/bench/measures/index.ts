import type { Measure } from "../measure.ts";
import { ending } from "./end.ts";
import { launching } from "./launch.ts";
import { output } from "./output.ts";
import { protocol } from "./protocol.ts";
import { rest } from "./rest.ts";

/** Everything that is measured, in this order. */
export const measures: readonly Measure[] = [
	...protocol,
	...launching,
	...ending,
	...output,
	...rest,
];
