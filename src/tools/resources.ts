import { ProcessError } from "../errors.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import { formatCursor, readOutput } from "../process/reader.ts";
import type { Cancel } from "../process/timer.ts";
import { openOutput } from "../supervision/pipeline.ts";
import { requireCaptured } from "./fields.ts";
import { statusOf } from "./status.ts";

const PARTS = ["stdout", "stderr", "status"] as const;
type Part = (typeof PARTS)[number];

const DESCRIPTIONS: Readonly<Record<Part, string>> = {
	stdout: "The newest standard output of a process, without escape sequences.",
	stderr: "The newest standard error of a process, without escape sequences.",
	status: "State, use and end of a process, as process_get_status gives them.",
};

const mimeTypeOf = (part: Part) =>
	part === "status" ? "application/json" : "text/plain";

/** What can be read of any process. */
export const resourceTemplates = PARTS.map((part) => ({
	name: `process-${part}`,
	title: `A process's ${part}`,
	uriTemplate: `process://{pid}/${part}`,
	description: DESCRIPTIONS[part],
	mimeType: mimeTypeOf(part),
}));

/** What can be read of the processes that are known, the newest one first. */
export function listResources(manager: ProcessManager) {
	return manager
		.list()
		.toReversed()
		.flatMap((process) =>
			PARTS.filter((part) => part === "status" || process.captured).map(
				(part) => ({
					uri: `process://${process.pid}/${part}`,
					name: `${process.identity.name ?? process.identity.command} (${process.pid}) ${part}`,
					description: DESCRIPTIONS[part],
					mimeType: mimeTypeOf(part),
				}),
			),
		);
}

interface Resource {
	readonly process: ManagedProcess;
	readonly part: Part;
}

/** @throws ProcessError where there is no such resource */
function find(manager: ProcessManager, uri: string): Resource {
	const [, pid, name] = /^process:\/\/([1-9]\d{0,9})\/(\w+)$/.exec(uri) ?? [];
	const part = PARTS.find((known) => known === name);
	if (pid === undefined || part === undefined) {
		throw new ProcessError(
			"INVALID_ARGUMENT",
			`uri: ${JSON.stringify(uri.slice(0, 100))} is no resource`,
			"Resources are process://PID/stdout, /stderr and /status.",
			{ field: "uri" },
		);
	}
	return { process: manager.get(Number(pid)), part };
}

/**
 * Reads a resource; of output the newest bytes that a reply may hold, with the
 * cursor that reads on from there.
 *
 * @throws ProcessError PROCESS_NOT_FOUND, INVALID_ARGUMENT or OUTPUT_NOT_CAPTURED
 */
export async function readResource(manager: ProcessManager, uri: string) {
	const { process, part } = find(manager, uri);
	const mimeType = mimeTypeOf(part);
	if (part === "status") {
		const status = await statusOf(manager, process);
		return { uri, mimeType, text: JSON.stringify(status) };
	}
	requireCaptured(process, manager.config);
	if (part === "stdout") await openOutput(process);
	const result = readOutput(process, {
		stream: part,
		encoding: "utf-8",
		stripAnsi: true,
		newest: true,
		maxBytes: manager.config.maxResponseSize,
	});
	const { dropped, truncated } = result;
	const cursor = formatCursor(result.cursor);
	const _meta = { cursor, dropped: dropped[part], truncated };
	return { uri, mimeType, text: result[part], _meta };
}

/** Milliseconds between two notices of one kind: a chatty process must not drown its client. */
const NOTICE_INTERVAL = 500;
/** Subscriptions of one client. */
const MOST_SUBSCRIPTIONS = 1000;

/** What a client is told of resources. */
export interface Notices {
	/** A resource that it subscribed to has changed. */
	updated(uri: string): void;
	/** There are others than before. */
	listChanged(): void;
}

/** A client's subscriptions, and the notices that it gets. */
export class Subscriptions {
	readonly #cancels = new Map<string, Cancel>();

	constructor(
		private readonly manager: ProcessManager,
		private readonly notices: Notices,
	) {
		const list = new Pulse(() => this.notices.listChanged());
		manager.changed.add(() => {
			list.beat();
			this.#forget();
		});
	}

	/** @throws ProcessError where there is no such resource */
	add(uri: string): void {
		const { process, part } = find(this.manager, uri);
		if (part !== "status") requireCaptured(process, this.manager.config);
		if (part === "stdout") void openOutput(process);
		if (this.#cancels.has(uri)) return;
		if (this.#cancels.size >= MOST_SUBSCRIPTIONS) {
			throw new ProcessError(
				"INVALID_ARGUMENT",
				`uri: there are ${MOST_SUBSCRIPTIONS} subscriptions already`,
				"Unsubscribe from some.",
				{ field: "uri" },
			);
		}
		const pulse = new Pulse(() => this.notices.updated(uri));
		const cancels = [
			process.changed.add(() => pulse.beat()),
			() => pulse.stop(),
		];
		if (part !== "status")
			cancels.push(process[part].changed.add(() => pulse.beat()));
		this.#cancels.set(uri, () => {
			for (const cancel of cancels) cancel();
		});
	}

	remove(uri: string): void {
		this.#cancels.get(uri)?.();
		this.#cancels.delete(uri);
	}

	/** Those of processes that are not remembered any more go with them. */
	#forget(): void {
		if (this.#cancels.size === 0) return;
		const known = new Set(listResources(this.manager).map(({ uri }) => uri));
		for (const uri of this.#cancels.keys())
			if (!known.has(uri)) this.remove(uri);
	}
}

/** Calls an action at once, and then at most once in an interval, the last time included. */
class Pulse {
	#timer: ReturnType<typeof setTimeout> | undefined;
	#isDue = false;

	constructor(private readonly action: () => void) {}

	beat(): void {
		this.#isDue = true;
		if (this.#timer === undefined) this.#act();
	}

	stop(): void {
		clearTimeout(this.#timer);
		this.#isDue = false;
	}

	#act(): void {
		this.#timer = undefined;
		if (!this.#isDue) return;
		this.#isDue = false;
		this.#timer = setTimeout(() => this.#act(), NOTICE_INTERVAL);
		this.action();
	}
}
