import { ProcessError } from "../errors.ts";
import { shuttingDown } from "../process/launch-failure.ts";
import type { ProcessManager } from "../process/manager.ts";
import type { ManagedProcess } from "../process/process.ts";
import type { StartRequest } from "../process/start-request.ts";
import type { Ask } from "../security/confirmation.ts";
import type { Admitted } from "../security/gate.ts";
import { type Clock, monotonicClock } from "./clock.ts";
import { commandCheck, lastOutput } from "./command-check.ts";
import { byItself } from "./ends.ts";
import type { Check, HealthPolicy } from "./health.ts";
import { httpCheck, httpUrl, tcpCheck, tcpEndpoint } from "./probe.ts";
import { isOver, type RestartPolicy } from "./restart.ts";
import { Service } from "./service.ts";
import type { ServiceRecord, Surroundings } from "./surroundings.ts";
import { splitWords } from "./words.ts";

/** How a service's health is asked for; exactly one of the first three. */
export interface HealthCheckRequest extends HealthPolicy {
	/** One program and its arguments, as text. */
	readonly command?: string | undefined;
	readonly http?: string | undefined;
	readonly tcp?: string | number | undefined;
	/** Milliseconds. */
	readonly timeout: number;
}

export interface ServiceRequest extends StartRequest {
	readonly name: string;
	readonly restartPolicy: RestartPolicy;
	readonly healthCheck?: HealthCheckRequest | undefined;
}

/** Services that are over and still remembered. */
const MOST_OVER = 50;

/** The table of services. */
export class Services {
	/** In the order of their starts. */
	readonly #services = new Map<string, Service>();
	readonly #byProcess = new WeakMap<ManagedProcess, Service>();
	#isClosed = false;
	/** Told of every restart, change of health and end of a service. */
	onRecord: (service: string, entry: ServiceRecord) => void = () => {};

	constructor(
		private readonly manager: ProcessManager,
		private readonly clock: Clock = monotonicClock,
	) {}

	/**
	 * Starts a service; one of the same name that is over makes room for it.
	 *
	 * @throws ProcessError SERVICE_EXISTS; INVALID_ARGUMENT on a health check that
	 *   can't be made; what the gate or the system said, in which case nothing is kept
	 */
	async start(
		request: ServiceRequest,
		ask?: Ask,
	): Promise<{
		service: Service;
		process: ManagedProcess;
		admitted: Admitted;
	}> {
		const { name } = request;
		const former = this.#services.get(name);
		if (former && !isOver(former.state)) throw exists(name, former);
		const { service, admission } = this.#make(request);
		this.#services.delete(name);
		this.#services.set(name, service);
		try {
			const process = await service.restart(byItself("replaced"), ask);
			const { admitted } = admission;
			if (!admitted) throw new Error(`${name} runs without an admission`);
			this.#forgetOldest();
			return { service, process, admitted };
		} catch (error) {
			// Nothing of it ever ran: as if it had not been asked for.
			if (service.run === 0 && this.#services.get(name) === service) {
				this.#services.delete(name);
				if (former) this.#services.set(name, former);
			}
			throw error;
		}
	}

	/** @throws ProcessError SERVICE_NOT_FOUND */
	get(name: string): Service {
		const service = this.#services.get(name);
		if (service) return service;
		throw new ProcessError(
			"SERVICE_NOT_FOUND",
			`Service ${JSON.stringify(name.slice(0, 100))} not found`,
			"process_list shows the services; process_start_service starts one.",
			{ serviceId: name.slice(0, 100) },
		);
	}

	/** The service that a process belongs or belonged to. */
	of(process: ManagedProcess): Service | undefined {
		return this.#byProcess.get(process);
	}

	list(): readonly Service[] {
		return [...this.#services.values()];
	}

	/** Has nothing start again; what runs is for `ProcessManager.stopAll` to end. */
	close(): void {
		this.#isClosed = true;
		const manner = byItself("ended as the server stopped", "shutdown");
		for (const service of this.list())
			if (!isOver(service.state)) service.stop(manner).catch(() => {});
	}

	#make(request: ServiceRequest) {
		const { name, healthCheck, restartPolicy } = request;
		const admission: { admitted?: Admitted; isNew: boolean } = { isNew: true };
		const { gate } = this.manager;
		const launch: StartRequest = {
			...request,
			check: healthCheck && checkRequest(healthCheck),
		};
		const around: Surroundings<ManagedProcess> = {
			clock: this.clock,
			admit: async (ask) => {
				const admitted = await gate.admit(launch, ask);
				Object.assign(admission, { admitted, isNew: true });
				return admitted.keepPlace({
					name,
					isWaiting: () => service.state === "backoff",
				});
			},
			launch: async () => {
				const { admitted, isNew } = admission;
				if (!admitted || this.#isClosed) throw shuttingDown();
				admission.isNew = false;
				const next = isNew ? admitted : gate.readmit(admitted);
				const keeping = { isService: true };
				const process = await this.manager.startAdmitted(next, launch, keeping);
				this.#byProcess.set(process, service);
				return process;
			},
			end: (process, manner) => this.manager.terminate(process, manner),
			lastOutput,
			record: (entry, process) => {
				const reason = `${name}: ${entry.reason}`;
				this.manager.journal.supervised(process, launch, { ...entry, reason });
				this.onRecord(name, entry);
			},
		};
		const check = healthCheck && this.#checkOf(healthCheck, launch, admission);
		const health = healthCheck && check && { ...healthCheck, check };
		const service = new Service(
			name,
			{ restart: restartPolicy, health },
			around,
		);
		return { service, admission };
	}

	#checkOf(
		{ command, http, tcp, timeout }: HealthCheckRequest,
		launch: StartRequest,
		admission: { readonly admitted?: Admitted },
	): Check {
		if (http !== undefined) return httpCheck(http, timeout);
		if (tcp !== undefined) return tcpCheck(tcpEndpoint(tcp), timeout);
		if (command === undefined) throw new Error("a health check of no kind");
		return commandCheck(this.manager, timeout, (start) => {
			if (!admission.admitted || this.#isClosed) throw shuttingDown();
			return start(this.manager.gate.readmitCheck(admission.admitted), launch);
		});
	}

	#forgetOldest(): void {
		const over = this.list().filter(({ state }) => isOver(state));
		for (const { name } of over.slice(0, Math.max(0, over.length - MOST_OVER)))
			this.#services.delete(name);
	}
}

/**
 * What a health check has the gate judge, where it is a command.
 *
 * @throws ProcessError INVALID_ARGUMENT unless it is of exactly one kind, and can be asked
 */
function checkRequest({ command, http, tcp }: HealthCheckRequest) {
	const kinds = [command, http, tcp].filter((kind) => kind !== undefined);
	if (kinds.length !== 1) {
		throw new ProcessError(
			"INVALID_ARGUMENT",
			`healthCheck: takes exactly one of command, http and tcp, not ${kinds.length === 0 ? "none" : kinds.length}`,
			'Give one of them: {"http": "http://localhost:8000/"}, {"tcp": "localhost:5432"}, or {"command": "node check.js"}.',
			{ field: "healthCheck" },
		);
	}
	if (http !== undefined) httpUrl(http);
	if (tcp !== undefined) tcpEndpoint(tcp);
	if (command === undefined) return undefined;
	const [executable, ...args] = splitWords(command);
	return { executable, args };
}

function exists(name: string, { state, process }: Service): ProcessError {
	return new ProcessError(
		"SERVICE_EXISTS",
		`Service ${name} is there already (${state}${process ? `, pid ${process.pid}` : ""})`,
		"Use it, process_restart_service, or process_stop_service before starting it with other settings; or give another name.",
		{ serviceId: name, state },
	);
}
