import type { Socket } from "node:net";
import { messageOf, ProcessError, systemCode } from "../errors.ts";
import type { Check, CheckResult } from "./health.ts";

/** Loaded when it is first used: it takes some 5 ms, which each start would take longer. */
const net = () => process.getBuiltinModule("node:net");

/** Where a probe goes: this machine and no other. */
export interface Endpoint {
	/** Addresses, tried one after the other. */
	readonly hosts: readonly string[];
	readonly port: number;
}

/** Loopback by its names: RFC 1122 section 3.2.1.3 (127/8), RFC 4291 section 2.5.3 (::1). */
const BOTH = ["127.0.0.1", "::1"] as const;

/** @returns undefined where the name is not this machine's own */
function loopbackHosts(name: string): readonly string[] | undefined {
	const host = name.toLowerCase().replace(/^\[(.*)\]$/, "$1");
	// It could be looked up to something else; these can't.
	if (host === "localhost") return BOTH;
	if (host === "::1") return ["::1"];
	// What only looks like an address would be looked up, too.
	return net().isIPv4(host) && host.startsWith("127.") ? [host] : undefined;
}

/**
 * The place that `tcp` names: a port, or `host:port`.
 *
 * @throws ProcessError INVALID_ARGUMENT
 */
export function tcpEndpoint(place: string | number): Endpoint {
	const text = String(place);
	const match = /^(?:(.*):)?(\d{1,5})$/.exec(text);
	const port = Number(match?.[2]);
	if (!match || port < 1 || port > 65_535)
		throw invalid("tcp", `${JSON.stringify(text)} is not host:port or a port`);
	const hosts = loopbackHosts(match[1] ?? "localhost");
	if (hosts) return { hosts, port };
	throw notLoopback("tcp", text);
}

/** @throws ProcessError INVALID_ARGUMENT */
export function httpUrl(text: string): { url: URL; endpoint: Endpoint } {
	const url = URL.parse(text);
	if (url?.protocol !== "http:" && !text.includes("://"))
		throw invalid("http", `${JSON.stringify(text)} lacks http:// before it`);
	if (!url) throw invalid("http", `${JSON.stringify(text)} is not a URL`);
	if (url.protocol !== "http:")
		throw invalid("http", `${url.protocol} is not asked, only http:; use tcp`);
	if (url.username !== "" || url.password !== "")
		throw invalid("http", "a URL with a user's name is not asked");
	const hosts = loopbackHosts(url.hostname);
	if (!hosts) throw notLoopback("http", text);
	const port = Number(url.port || 80);
	if (port === 0) throw invalid("http", `${JSON.stringify(text)} has no port`);
	return { url, endpoint: { hosts, port } };
}

/** Healthy where something accepts a connection. */
export function tcpCheck(endpoint: Endpoint, timeout: number): Check {
	return probe(endpoint, timeout, async () => ({
		healthy: true,
		detail: "accepts connections",
	}));
}

/** Bytes of an answer that are read, most of them so that the server need not fail in writing them. */
const MOST_BYTES = 65_536;
/** Milliseconds that the rest of an answer gets once its status is known. */
const REST = 200;

/**
 * Healthy where a GET is answered by 2xx or 3xx. A redirect is not followed:
 * whoever answers with one is well.
 */
export function httpCheck(text: string, timeout: number): Check {
	const { url, endpoint } = httpUrl(text);
	const request = [
		`GET ${url.pathname}${url.search} HTTP/1.1`,
		`Host: ${url.host}`,
		"User-Agent: mcp-process",
		"Accept: */*",
		"Connection: close",
		"",
		"",
	].join("\r\n");
	return probe(endpoint, timeout, async (socket) => {
		const answer = await ask(socket, request);
		// RFC 9112 section 4.
		const status = /^HTTP\/1\.[01] (\d{3})(?:[ \r\n]|$)/.exec(answer)?.[1];
		if (status === undefined)
			return {
				healthy: false,
				detail: `no HTTP answer: ${JSON.stringify(answer.slice(0, 60))}`,
			};
		return { healthy: /^[23]/.test(status), detail: `status ${status}` };
	});
}

/** Writes a request and reads the status line, and as much of the rest as comes at once. */
function ask(socket: Socket, request: string): Promise<string> {
	return new Promise((resolve, reject) => {
		let answer = "";
		let bytes = 0;
		let rest: ReturnType<typeof setTimeout> | undefined;
		const done = () => {
			clearTimeout(rest);
			resolve(answer);
		};
		socket.on("data", (chunk: Buffer) => {
			bytes += chunk.length;
			if (answer.length < 1024) answer += chunk.toString("latin1");
			if (answer.includes("\n")) rest ??= setTimeout(done, REST);
			if (bytes > MOST_BYTES) done();
		});
		socket.on("end", done);
		socket.on("close", done);
		socket.on("error", (error) =>
			answer.includes("\n") ? done() : reject(error),
		);
		socket.write(request);
	});
}

/** Connects, and judges what it is connected to, all within `timeout` milliseconds. */
function probe(
	{ hosts, port }: Endpoint,
	timeout: number,
	judge: (socket: Socket) => Promise<CheckResult>,
): Check {
	return (signal) =>
		within(timeout, signal, async (ended) => {
			const met: string[] = [];
			for (const host of hosts) {
				const socket = net().connect({ host, port });
				ended.addEventListener("abort", () => socket.destroy());
				try {
					await connected(socket);
					return await judge(socket);
				} catch (error) {
					const place = host.includes(":") ? `[${host}]` : host;
					met.push(
						`${place}:${port}: ${systemCode(error) ?? messageOf(error)}`,
					);
				} finally {
					socket.destroy();
				}
			}
			return { healthy: false, detail: met.join(", ") };
		});
}

function connected(socket: Socket): Promise<void> {
	return new Promise((resolve, reject) => {
		socket.once("connect", resolve);
		socket.once("error", reject);
		socket.once("close", () => reject(new Error("closed")));
	});
}

/** Lets `work` go on until it is done, `timeout` is over or the signal comes. */
async function within(
	timeout: number,
	signal: AbortSignal,
	work: (ended: AbortSignal) => Promise<CheckResult>,
): Promise<CheckResult> {
	const ending = new AbortController();
	const late = Promise.withResolvers<CheckResult>();
	const give = (detail: string) => {
		late.resolve({ healthy: false, detail });
		ending.abort();
	};
	const timer = setTimeout(() => give(`no answer in ${timeout} ms`), timeout);
	const stop = () => give("called off");
	signal.addEventListener("abort", stop);
	try {
		return await Promise.race([late.promise, work(ending.signal)]);
	} finally {
		clearTimeout(timer);
		signal.removeEventListener("abort", stop);
		ending.abort();
	}
}

function notLoopback(field: string, text: string): ProcessError {
	return invalid(
		field,
		`${JSON.stringify(text)} is not on this machine; only localhost, 127.x.x.x and [::1] are asked`,
	);
}

function invalid(field: string, problem: string): ProcessError {
	return new ProcessError(
		"INVALID_ARGUMENT",
		`healthCheck.${field}: ${problem}`,
		"Give http as http://localhost:PORT/PATH, tcp as localhost:PORT, or use command.",
		{ field: `healthCheck.${field}` },
	);
}
