import { afterAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Program, Scratch } from "../support/server.ts";
import { wholeSession } from "../support/session.ts";

setDefaultTimeout(600_000);

const ROOT = join(import.meta.dir, "../..");

/** A folder with the base system that the image is built on, as debootstrap makes it. */
const base = process.env.MCP_PROCESS_IMAGE_BASE;
const tested = base !== undefined && Bun.which("buildah") !== null;
if (!tested)
	console.warn(
		"the image is not tested: MCP_PROCESS_IMAGE_BASE or buildah is missing",
	);

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

const BUILDAH = [
	...["buildah", "--storage-driver", "vfs"],
	...["--root", join(scratch.path, "storage")],
	...["--runroot", join(scratch.path, "run")],
];

function buildah(...args: readonly string[]): string {
	const { success, stdout, stderr } = Bun.spawnSync([...BUILDAH, ...args], {
		cwd: ROOT,
	});
	if (!success) throw new Error(`${args.join(" ")}: ${stderr.toString()}`);
	return stdout.toString().trim();
}

describe.skipIf(!tested)("the image", () => {
	it("serves a whole session to a client, as an unprivileged user", async () => {
		const folder = join(scratch.path, "context");
		const compile = ["build.ts", "--target", "linux-x64", "--out", folder];
		Bun.spawnSync([process.execPath, ...compile], { cwd: ROOT });
		const empty = buildah("from", "scratch");
		buildah("add", "--quiet", empty, base ?? "", "/");
		buildah("commit", "--quiet", empty, "local/base");
		buildah("rm", empty);
		buildah(
			...["build", "--isolation", "chroot", "--tag", "mcp-process"],
			...["--build-arg", "BASE=localhost/local/base"],
			...["--file", "Dockerfile", folder],
		);
		const container = buildah("from", "--pull-never", "localhost/mcp-process");
		const run = ["run", "--isolation", "chroot"];
		expect(buildah(...run, container, "--", "id", "-u")).toBe("65532");
		const [command = "", ...args] = [...BUILDAH, ...run];
		const program: Program = {
			command,
			args: [
				...args,
				...["--volume", "/tmp:/tmp", container, "--"],
				"/usr/local/bin/mcp-process",
			],
			env: {},
			path(path) {
				// The image's user is to read the configuration and write the log.
				chmodSync(dirname(path), 0o1777);
				return path;
			},
		};
		await wholeSession({ program, contained: true }, () => false);
	});
});
