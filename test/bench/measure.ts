import type { Peers } from "./peers.ts";
import type { Session } from "./session.ts";

export type Unit = "ms" | "MB" | "MB/s" | "a second" | "% of a core" | "times";

/** What the server's figure is set beside. */
export type Beside = "bare" | "node";

/** What a figure has to come to, by itself or as a ratio to another's. */
export interface Target {
	readonly is: "at most" | "at least";
	readonly value: number;
	/** Ratio to this; the figure itself where there is none. */
	readonly of?: Beside;
}

/** One thing that is measured. */
export interface Measure {
	readonly name: string;
	readonly title: string;
	readonly unit: Unit;
	/** How often each side is run; the median counts. */
	readonly runs: number;
	readonly targets: readonly Target[];
	/** Makes ready what is not to be measured. Throws NotMeasured where the server or the machine can't. */
	prepare(bench: Bench): Promise<Sides> | Sides;
}

/** Does the work once and gives the figure, in the measure's unit. */
export type Side = () => Promise<number>;

/** They are run in turns. */
export interface Sides {
	readonly ours: Side;
	readonly bare?: Side | undefined;
	readonly node?: Side | undefined;
}

/** What a measure works with. */
export interface Bench {
	/** The server's command. */
	readonly command: readonly string[];
	/** A server of this measure's own. */
	readonly session: Session;
	readonly peers: Peers;
	/** A folder of its own. */
	readonly folder: string;
	/** A size, such as a number of processes: smaller with --quick. */
	size(full: number): number;
}

/** Why there is no figure. */
export type Lack = "not offered" | "not measured here" | "failed";

/** There is no figure, and why. */
export class NotMeasured extends Error {
	constructor(
		readonly lack: Lack,
		message: string,
	) {
		super(message);
	}
}
