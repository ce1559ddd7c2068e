import type { Measure } from "./measure.ts";
import type { Judged, Result } from "./run.ts";

/** Columns of a terminal that a reason is folded at. */
const WIDTH = 110;

/** Lines of a table, one at a time, as results come. */
export class Table {
	readonly #title: number;

	constructor(measures: readonly Measure[]) {
		this.#title = Math.max(...measures.map(({ title }) => title.length));
	}

	head(): string {
		return this.#line(["measure", "server", "bare", "node", "ratio", "target"]);
	}

	row(result: Result): string {
		const { title, unit } = result;
		if (result.status !== "measured") {
			const { status, reason } = result;
			return `${title.padEnd(this.#title)}  ${`${status}: ${reason}`.slice(0, WIDTH)}`;
		}
		const { ours, bare, node, ratios, targets } = result;
		const beside = targets.find(({ of }) => of !== undefined)?.of ?? "bare";
		const ratio = ratios[beside];
		return this.#line([
			title,
			`${figure(ours.median)} ${unit}`,
			bare ? figure(bare.median) : "",
			node ? figure(node.median) : "",
			ratio === undefined ? "" : `${ratio.toFixed(2)} ×`,
			targets.map((target) => targetText(target, unit)).join("; "),
		]);
	}

	#line(cells: readonly string[]): string {
		const [title = "", ours = "", bare = "", node = "", ratio = "", target] =
			cells;
		return [
			title.padEnd(this.#title),
			ours.padStart(18),
			bare.padStart(9),
			node.padStart(9),
			ratio.padStart(8),
			` ${target}`,
		].join(" ");
	}
}

/** Three digits that say something. */
function figure(value: number): string {
	if (Math.abs(value) >= 100) return value.toFixed(0);
	return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function targetText({ is, value, of, met }: Judged, unit: string): string {
	const bound = of === undefined ? `${value} ${unit}` : `${value} × ${of}`;
	const verdict =
		met === undefined ? "nothing beside it" : met ? "met" : "MISSED";
	return `${is === "at most" ? "≤" : "≥"} ${bound} ${verdict}`;
}
