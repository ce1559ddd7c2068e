/** What a tree used at one time. */
export interface Point {
	/** Milliseconds after the start. */
	readonly at: number;
	/** 100 is one core. */
	readonly cpuPercent: number;
	readonly memoryMB: number;
	readonly processCount: number;
}

const FIELDS = 4;
const FIRST_CAPACITY = 8;
/** What a ring has before its first point: most processes end sooner. */
const NO_VALUES = new Float32Array(0);

/** How many points are kept how far apart: a second for ten minutes, then less and less for a day. */
const TIERS = [
	{ spacing: 1000, capacity: 600 },
	{ spacing: 10_000, capacity: 720 },
	{ spacing: 60_000, capacity: 1440 },
] as const;

/**
 * The course of a tree's use: dense of late, thinner before. Where points are
 * merged, CPU is averaged, and of memory and processes the most is kept.
 */
export class History {
	readonly #tiers = TIERS.map(
		({ spacing, capacity }) => new Tier(spacing, capacity),
	);

	add(point: Point): void {
		let passed: Point | undefined = point;
		for (const tier of this.#tiers) {
			if (!passed) return;
			passed = tier.add(passed);
		}
	}

	/** Oldest first. */
	points(): Point[] {
		return this.#tiers.toReversed().flatMap((tier) => tier.points());
	}
}

/** A ring of points at least so many milliseconds apart, which grows as it is filled. */
class Tier {
	#values = NO_VALUES;
	#start = 0;
	#size = 0;
	/** Points that are not far enough apart to be one of their own yet. */
	readonly #pending: Point[] = [];

	constructor(
		private readonly spacing: number,
		private readonly capacity: number,
	) {}

	/** @returns the point that has to go for it */
	add(point: Point): Point | undefined {
		const pending = this.#pending;
		const first = pending[0];
		// Looks come when they can, some of them a little early.
		const isNext = first && point.at - first.at >= this.spacing * 0.9;
		const gone = isNext ? this.#push(merge(pending)) : undefined;
		if (isNext) pending.length = 0;
		pending.push(point);
		return gone;
	}

	points(): Point[] {
		const kept = Array.from({ length: this.#size }, (_, index) =>
			this.#get(index),
		);
		return this.#pending.length > 0 ? [...kept, merge(this.#pending)] : kept;
	}

	#push(point: Point): Point | undefined {
		const gone = this.#size === this.capacity ? this.#get(0) : undefined;
		if (gone) {
			this.#start = (this.#start + 1) % this.capacity;
			this.#size--;
		}
		if ((this.#size + 1) * FIELDS > this.#values.length) this.#grow();
		const offset = this.#offset(this.#size);
		// Seconds, as a float of 32 bits can't hold the milliseconds of a day.
		this.#values[offset] = point.at / 1000;
		this.#values[offset + 1] = point.cpuPercent;
		this.#values[offset + 2] = point.memoryMB;
		this.#values[offset + 3] = point.processCount;
		this.#size++;
		return gone;
	}

	/** Only a ring that was never full grows, so it starts at 0. */
	#grow(): void {
		const points = Math.min(
			this.capacity,
			Math.max(FIRST_CAPACITY, (this.#values.length / FIELDS) * 2),
		);
		const values = new Float32Array(points * FIELDS);
		values.set(this.#values);
		this.#values = values;
	}

	#offset(index: number): number {
		return ((this.#start + index) % this.capacity) * FIELDS;
	}

	#get(index: number): Point {
		const offset = this.#offset(index);
		const [at = 0, cpuPercent = 0, memoryMB = 0, processCount = 0] =
			this.#values.subarray(offset, offset + FIELDS);
		return { at: at * 1000, cpuPercent, memoryMB, processCount };
	}
}

function merge(points: readonly Point[]): Point {
	const last = points.at(-1);
	if (last && points.length === 1) return last;
	const sum = points.reduce((total, { cpuPercent }) => total + cpuPercent, 0);
	return {
		at: last?.at ?? 0,
		cpuPercent: sum / Math.max(1, points.length),
		memoryMB: Math.max(...points.map(({ memoryMB }) => memoryMB)),
		processCount: Math.max(...points.map(({ processCount }) => processCount)),
	};
}
