import { distance } from "fastest-levenshtein";

/**
 * What agents and people call a key elsewhere, in lower case, and what it may be
 * here: the first of these that is known at its place.
 */
const ALIASES: ReadonlyMap<string, readonly string[]> = new Map(
	Object.entries({
		executable: ["command"],
		command: ["executable"],
		cmd: ["executable", "command"],
		program: ["executable", "command"],
		binary: ["executable", "command"],
		exe: ["executable", "command"],
		arguments: ["args"],
		argv: ["args"],
		params: ["args"],
		workdir: ["cwd"],
		workingdir: ["cwd"],
		workingdirectory: ["cwd"],
		directory: ["cwd"],
		dir: ["cwd"],
		environment: ["env"],
		envvars: ["env"],
		timeoutms: ["timeout"],
		regex: ["pattern"],
		regexp: ["pattern"],
		lines: ["tailLines"],
		tail: ["tailLines"],
		id: ["pid", "serviceId", "groupId"],
		processid: ["pid"],
		serviceid: ["name"],
		servicename: ["serviceId", "name"],
		input: ["stdin", "data"],
		text: ["data"],
		stdin: ["data"],
		data: ["stdin"],
		kill: ["force"],
		url: ["http"],
		port: ["tcp"],
	}),
);

/** The known key that an unknown one means, where that is plain. */
export function nearestKey(
	key: string,
	known: readonly string[],
): string | undefined {
	const alias = ALIASES.get(flat(key))?.find((name) => known.includes(name));
	if (alias !== undefined) return alias;
	const [nearest] = byNearness(key, known);
	if (nearest !== undefined && isTypo(key, nearest)) return nearest;
	const sharing = known.filter((name) => shareWords(key, name));
	return sharing.length === 1 ? sharing[0] : undefined;
}

/** Keys, those that resemble another one most first: with its words, then with its letters. */
export function byNearness(
	key: string,
	known: readonly string[],
): readonly string[] {
	const cost = (name: string) =>
		distance(flat(key), flat(name)) / (shareWords(key, name) ? 100 : 1);
	return known.toSorted((a, b) => cost(a) - cost(b));
}

/** Whether so little has to be changed that the rest can't be by chance, as it can in a short name. */
function isTypo(key: string, name: string): boolean {
	const length = Math.max(key.length, name.length);
	const changes = distance(flat(key), flat(name));
	return changes === 0 || (length > 3 && changes <= length * 0.4);
}

/** Whether the words of one name are all in the other: `memory` and `maxMemoryMB`. */
function shareWords(a: string, b: string): boolean {
	const [fewer = [], more = []] = [words(a), words(b)].toSorted(
		(one, other) => one.length - other.length,
	);
	return fewer.length > 0 && fewer.every((word) => more.includes(word));
}

/** `max_memory` and `maxMemory` alike. */
function flat(name: string): string {
	return name.toLowerCase().replace(/[_-]/g, "");
}

/** `maxMemoryMB` → max, memory, mb. */
function words(name: string): readonly string[] {
	return (
		name
			.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g)
			?.map((word) => word.toLowerCase()) ?? []
	);
}
