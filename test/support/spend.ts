/** Takes so many milliseconds of this process's own, as a look at a large tree does, and a machine that is busy. */
export function spend(milliseconds: number): void {
	const end = performance.now() + milliseconds;
	while (performance.now() < end);
}
