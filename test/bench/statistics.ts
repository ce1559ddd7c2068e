/** What a number of figures come to. */
export interface Summary {
	readonly median: number;
	/** That which 95 of 100 don't pass. */
	readonly p95: number;
	readonly min: number;
	readonly max: number;
}

/** @throws RangeError where there are none */
export function summarize(figures: readonly number[]): Summary {
	const sorted = figures.toSorted((a, b) => a - b);
	const at = (part: number) => {
		const index = Math.min(sorted.length - 1, Math.floor(sorted.length * part));
		const value = sorted[index];
		if (value === undefined) throw new RangeError("no figures");
		return value;
	};
	return { median: at(0.5), p95: at(0.95), min: at(0), max: at(1) };
}
