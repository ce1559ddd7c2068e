import type { ManagedProcess } from "../process/process.ts";
import type { Termination } from "../process/termination.ts";
import type {
	TerminationOutcome,
	TerminationRequest,
} from "../process/terminator.ts";
import type { Ask } from "../security/confirmation.ts";
import type { Clock } from "./clock.ts";
import type { Check, HealthPolicy } from "./health.ts";
import type { RestartPolicy } from "./restart.ts";

/** What a service needs to know of a process. */
export type Instance = Pick<
	ManagedProcess,
	"pid" | "startedAt" | "uptime" | "lives" | "ended" | "gone" | "termination"
>;

/** Something about a service that is to be kept. */
export interface ServiceRecord {
	readonly level: "error" | "warn" | "info";
	readonly operation: "restart" | "health" | "service";
	readonly result: string;
	readonly reason: string;
}

/** What a service does to the world, and how the world tells the time. */
export interface Surroundings<P extends Instance> {
	readonly clock: Clock;
	/** Asks the gate; gives what gives the service's place back. */
	admit(ask: Ask | undefined): Promise<() => void>;
	/** Starts a process of what was admitted. */
	launch(): Promise<P>;
	end(process: P, request: TerminationRequest): Promise<TerminationOutcome>;
	/** The last that it wrote. */
	lastOutput(process: P): string;
	record(entry: ServiceRecord, process: P | undefined): void;
}

export interface ServiceOptions {
	readonly restart: RestartPolicy;
	readonly health?: (HealthPolicy & { readonly check: Check }) | undefined;
}

/** One process of a service that has ended. */
export interface PastRun {
	/** The first one is 1. */
	readonly run: number;
	readonly pid: number;
	readonly startedAt: Date;
	readonly termination: Termination;
	/** Why it ended, in words. */
	readonly reason: string;
}

/** Why a service does not run as it should. */
export interface Failure {
	readonly reason: string;
	/** The last that its process wrote. */
	readonly output: string;
	/** What may mend it; joins the reason when it is started again. */
	readonly advice?: string;
}

/** The parts of a record, in order. */
export type RecordParts = [
	ServiceRecord["level"],
	ServiceRecord["operation"],
	result: string,
	reason: string,
];
