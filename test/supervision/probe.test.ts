import { describe, expect, it } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import {
	httpCheck,
	httpUrl,
	tcpCheck,
	tcpEndpoint,
} from "../../src/supervision/probe.ts";

/** A TCP server on this machine that does with each connection what it is told. */
class Listener implements AsyncDisposable {
	connections = 0;
	/** What came in. */
	received = "";
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();

	private constructor(onConnection: (socket: Socket) => void) {
		this.#server = createServer((socket) => {
			this.connections++;
			this.#sockets.add(socket);
			socket.on("error", () => {});
			socket.on("data", (chunk) => {
				this.received += String(chunk);
			});
			onConnection(socket);
		});
	}

	static async open(
		onConnection: (socket: Socket) => void,
		host = "127.0.0.1",
	): Promise<Listener> {
		const listener = new Listener(onConnection);
		await new Promise<void>((resolve) => {
			listener.#server.listen(0, host, resolve);
		});
		return listener;
	}

	get port(): number {
		const address = this.#server.address();
		return address && typeof address === "object" ? address.port : 0;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const socket of this.#sockets) socket.destroy();
		await new Promise((resolve) => this.#server.close(resolve));
	}
}

const signal = () => new AbortController().signal;

function answering(head: string) {
	return Listener.open((socket) => {
		socket.once("data", () => socket.end(`${head}\r\n\r\nbody`));
	});
}

describe("an http check", () => {
	it.each([
		["HTTP/1.1 200 OK", true, "status 200"],
		["HTTP/1.0 204 No Content", true, "status 204"],
		["HTTP/1.1 302 Found\r\nLocation: /x", true, "status 302"],
		["HTTP/1.1 404 Not Found", false, "status 404"],
		["HTTP/1.1 503 x", false, "status 503"],
		["SSH-2.0-x", false, 'no HTTP answer: "SSH-2.0-x\\r\\n\\r\\nbody"'],
		["HTTP/1.1 2000 x", false, expect.stringContaining("no HTTP answer")],
	])("of %j is %p", async (head, healthy, detail) => {
		await using listener = await answering(head);
		const url = `http://127.0.0.1:${listener.port}/a?b=1`;
		const result = await httpCheck(url, 10_000)(signal());
		expect(result).toEqual({ healthy, detail });
		expect(listener.received).toStartWith(
			`GET /a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n`,
		);
	});

	it("follows no redirect, on this machine or off it", async () => {
		await using other = await answering("HTTP/1.1 200 OK");
		for (const place of [`127.0.0.1:${other.port}`, "192.0.2.1"]) {
			const head = `HTTP/1.1 301 Moved\r\nLocation: http://${place}/`;
			await using listener = await answering(head);
			const url = `http://localhost:${listener.port}/`;
			expect(await httpCheck(url, 10_000)(signal())).toEqual({
				healthy: true,
				detail: "status 301",
			});
		}
		expect(other.connections).toBe(0);
	});

	it("that is never answered, or one byte at a time, fails after its timeout", async () => {
		for (const text of [
			"",
			"HTTP/1.1 200 OK but ever so slowly and never done",
		]) {
			const timers: ReturnType<typeof setInterval>[] = [];
			await using listener = await Listener.open((socket) => {
				let at = 0;
				timers.push(
					setInterval(() => {
						if (at < text.length) socket.write(text.charAt(at++));
					}, 100),
				);
			});
			const url = `http://127.0.0.1:${listener.port}/`;
			const result = await httpCheck(url, 300)(signal());
			for (const timer of timers) clearInterval(timer);
			expect(result).toEqual({
				healthy: false,
				detail: "no answer in 300 ms",
			});
		}
	});

	it("reads a body without end only in part", async () => {
		let sent = 0;
		await using listener = await Listener.open((socket) => {
			const chunk = "x".repeat(65_536);
			const pump = () => {
				while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
				if (!socket.destroyed) sent += chunk.length;
			};
			socket.on("drain", pump);
			socket.write("HTTP/1.1 200 OK\r\n\r\n");
			pump();
		});
		const url = `http://127.0.0.1:${listener.port}/`;
		expect(await httpCheck(url, 10_000)(signal())).toEqual({
			healthy: true,
			detail: "status 200",
		});
		expect(sent).toBeLessThan(50e6);
	});

	it("is over when it is called off", async () => {
		await using listener = await Listener.open(() => {});
		const calling = new AbortController();
		const url = `http://127.0.0.1:${listener.port}/`;
		const result = httpCheck(url, 600_000)(calling.signal);
		calling.abort();
		expect(await result).toEqual({ healthy: false, detail: "called off" });
	});

	it.each([
		["http://example.com/", "is not on this machine"],
		["http://127.0.0.1.example.com/", "is not on this machine"],
		["http://192.0.2.1/", "is not on this machine"],
		["http://[::2]/", "is not on this machine"],
		["http://0.0.0.0/", "is not on this machine"],
		["https://localhost/", "only http:"],
		["file:///etc/passwd", "only http:"],
		["http://user:secret@localhost/", "a user's name"],
		["localhost:80", '"localhost:80" lacks http:// before it'],
		["127.0.0.1:80/x", "lacks http:// before it"],
		["http://localhost:0/", "has no port"],
		["http://", "is not a URL"],
	])("of %j is refused", (url, why) => {
		expect(() => httpUrl(url)).toThrow(why);
	});

	it.each([
		["http://127.1/", ["127.0.0.1"], 80],
		["http://2130706433:81/", ["127.0.0.1"], 81],
		["http://LOCALHOST:82/", ["127.0.0.1", "::1"], 82],
		["http://[::1]:83/", ["::1"], 83],
	])("of %j goes to %j", (url, hosts, port) => {
		expect(httpUrl(url).endpoint).toEqual({ hosts, port });
	});

	it("writes no line of its own making into the request", async () => {
		await using listener = await answering("HTTP/1.1 200 OK");
		const url = `http://127.0.0.1:${listener.port}/a\r\nX-Evil: 1`;
		await httpCheck(url, 10_000)(signal());
		expect(listener.received).not.toContain("\r\nX-Evil");
	});
});

describe("a tcp check", () => {
	it("is healthy where something accepts connections, whatever address it has", async () => {
		for (const host of ["127.0.0.1", "::1"]) {
			await using listener = await Listener.open(() => {}, host);
			const endpoint = tcpEndpoint(listener.port);
			expect(await tcpCheck(endpoint, 10_000)(signal())).toEqual({
				healthy: true,
				detail: "accepts connections",
			});
		}
	});

	it("says what the connection met", async () => {
		const listener = await Listener.open(() => {});
		const { port } = listener;
		await listener[Symbol.asyncDispose]();
		const result = await tcpCheck(
			tcpEndpoint(`127.0.0.1:${port}`),
			10_000,
		)(signal());
		expect(result.healthy).toBe(false);
		expect(result.detail).toBe(`127.0.0.1:${port}: ECONNREFUSED`);
	});

	it.each([
		"",
		"0",
		"65536",
		"example.com:80",
		"localhost",
		"1.2.3.4:80",
		"127.999.1.1:80",
		":",
	])("of %j is refused", (place) => {
		expect(() => tcpEndpoint(place)).toThrow("healthCheck.tcp");
	});

	it.each([
		["5432", ["127.0.0.1", "::1"]],
		["localhost:5432", ["127.0.0.1", "::1"]],
		["127.0.0.2:5432", ["127.0.0.2"]],
		["[::1]:5432", ["::1"]],
	])("of %j goes to %j", (place, hosts) => {
		expect(tcpEndpoint(place)).toEqual({ hosts, port: 5432 });
	});
});
