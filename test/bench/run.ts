import { Scratch } from "../support/server.ts";
import {
	type Beside,
	type Lack,
	type Measure,
	NotMeasured,
	type Side,
	type Target,
	type Unit,
} from "./measure.ts";
import type { Peers } from "./peers.ts";
import { serverEnvironment } from "./server.ts";
import { Session } from "./session.ts";
import { type Summary, summarize } from "./statistics.ts";

/** With --quick, runs and sizes are divided by this. */
const QUICKER = 10;

/** A target, and whether the figure keeps to it; undefined where what it is set beside is lacking. */
export interface Judged extends Target {
	readonly met: boolean | undefined;
}

interface Named {
	readonly name: string;
	readonly title: string;
	readonly unit: Unit;
}

/** What a measure gave; `bare`, `node` and the ratios to them only where there is such a thing. */
export type Result = Named &
	(
		| {
				readonly status: "measured";
				/** How often each side was run. */
				readonly runs: number;
				readonly ours: Summary;
				readonly bare?: Summary;
				readonly node?: Summary;
				/** Ours to theirs, of the medians. */
				readonly ratios: Readonly<Partial<Record<Beside, number>>>;
				readonly targets: readonly Judged[];
		  }
		| { readonly status: Lack; readonly reason: string }
	);

export interface RunOptions {
	readonly command: readonly string[];
	readonly peers: Peers;
	readonly quick: boolean;
}

/** Takes one measure with a server of its own; gives a result also where it can't be taken. */
export async function take(
	measure: Measure,
	options: RunOptions,
): Promise<Result> {
	const { name, title, unit } = measure;
	try {
		return { name, title, unit, ...(await figures(measure, options)) };
	} catch (error) {
		const status = error instanceof NotMeasured ? error.lack : "failed";
		const reason = error instanceof Error ? error.message : String(error);
		return { name, title, unit, status, reason };
	}
}

async function figures(
	measure: Measure,
	{ command, peers, quick }: RunOptions,
) {
	const size = (full: number) => (quick ? Math.ceil(full / QUICKER) : full);
	using scratch = new Scratch();
	const folder = scratch.path;
	await using session = await Session.open(command, serverEnvironment(folder));
	await session.learnTools();
	const bench = { command, session, peers, folder, size };
	const sides = await measure.prepare(bench);
	const runs = size(measure.runs);
	const { ours, bare, node } = await inTurns(sides, runs);
	const ratios = {
		...(bare && { bare: ours.median / bare.median }),
		...(node && { node: ours.median / node.median }),
	};
	return {
		status: "measured" as const,
		runs,
		ours,
		...(bare && { bare }),
		...(node && { node }),
		ratios,
		targets: measure.targets.map((target) => judge(target, ours, ratios)),
	};
}

/** Runs each side once to warm up, and then in turns: a machine that gets slower does so for all of them. */
async function inTurns(
	sides: { ours: Side; bare?: Side | undefined; node?: Side | undefined },
	runs: number,
): Promise<{ ours: Summary; bare?: Summary; node?: Summary }> {
	const figures = { ours: [], bare: [], node: [] } as Record<
		"ours" | Beside,
		number[]
	>;
	const warmUps = runs > 1 ? 1 : 0;
	for (let run = -warmUps; run < runs; run++)
		for (const name of ["ours", "bare", "node"] as const) {
			const figure = await sides[name]?.();
			if (figure !== undefined && run >= 0) figures[name].push(figure);
		}
	return {
		ours: summarize(figures.ours),
		...(sides.bare && { bare: summarize(figures.bare) }),
		...(sides.node && { node: summarize(figures.node) }),
	};
}

function judge(
	target: Target,
	ours: Summary,
	ratios: Readonly<Partial<Record<Beside, number>>>,
): Judged {
	const { is, value, of } = target;
	const figure = of === undefined ? ours.median : ratios[of];
	if (figure === undefined) return { ...target, met: undefined };
	return {
		...target,
		met: is === "at most" ? figure <= value : figure >= value,
	};
}
