import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { maskArguments, maskText } from "../../src/security/mask.ts";

const SECRET = "hunter2hunter2";

describe("maskText", () => {
	it.each([
		`--password=${SECRET}`,
		`--db-password=${SECRET}`,
		`--authToken=${SECRET}`,
		`PGPASSWORD=${SECRET}`,
		`AWS_SECRET_ACCESS_KEY=${SECRET}`,
		`env GITHUB_TOKEN='${SECRET}' node`,
		`api_key: ${SECRET}`,
		`{"password": "${SECRET}"}`,
		`{"password":"${SECRET}","x":1}`,
		`X-Api-Key: ${SECRET}`,
		`Authorization: Bearer ${SECRET}`,
		`Authorization: Basic ${SECRET}==`,
		`authorization: token ${SECRET}`,
		`Cookie: ${SECRET}`,
		`https://user:${SECRET}@example.org/`,
		`postgres://u:${SECRET}@db:5432/x?sslmode=on`,
		`https://example.org/?a=1&access_token=${SECRET}&b=2`,
		`bearer ${SECRET}`,
	])("masks %s", (text) => {
		const masked = maskText(text);
		expect(masked).not.toContain(SECRET);
		expect(masked).toContain("***");
	});

	it.each([
		`ghp_${"a1B2".repeat(9)}`,
		`github_pat_${"a1B2".repeat(9)}`,
		`glpat-${"a1B2".repeat(5)}`,
		`sk-proj-${"a1B2".repeat(9)}`,
		`sk_live_${"a1B2".repeat(5)}`,
		`AKIA${"A1B2".repeat(4)}`,
		`xoxb-1234567890-${"a1B2".repeat(5)}`,
		`AIza${"a1B2".repeat(9)}`,
		`npm_${"a1B2".repeat(9)}`,
		`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${"a1B2".repeat(9)}`,
		"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
	])("masks %j by its form", (token) => {
		expect(maskText(`x ${token}`)).toBe("x ***");
		expect(maskText(`"${token}"`)).not.toContain(token.slice(-12, -1));
	});

	it.each([
		"npm run build -- --watch",
		"--author=me",
		"--passthrough=1",
		"https://example.org:8080/path",
		"git log --format=%H",
		"tokenize words",
		"sk-short",
	])("leaves %s", (text) => {
		expect(maskText(text)).toBe(text);
	});

	it("keeps what stands around a secret", () => {
		expect(maskText(`curl --password=${SECRET} https://example.org/?q=1`)).toBe(
			"curl --password=*** https://example.org/?q=1",
		);
	});

	// An agent chooses the text: one that takes seconds would hold the whole server up.
	it.each([
		["dashes", "-"],
		["a repeated word", "-auth"],
		["a repeated token's start", "eyJaaaaaaaa-"],
		["dots", "a."],
		["braces", "{"],
		["a scheme", "a+"],
	])("takes time near to linear to the text: %s", (_, unit) => {
		const time = (bytes: number) => {
			const text = unit.repeat(bytes / unit.length);
			const start = performance.now();
			maskText(text);
			return performance.now() - start;
		};
		time(1024);
		// About a millisecond when linear, hundreds of them when quadratic.
		expect(time(32_768)).toBeLessThan(100);
	});
});

describe("maskArguments", () => {
	it("masks the value after an option that names a secret", () => {
		expect(
			maskArguments([
				"--password",
				SECRET,
				"-token",
				SECRET,
				"--db_password",
				"x",
				"ok",
			]),
		).toEqual([
			"--password",
			"***",
			"-token",
			"***",
			"--db_password",
			"***",
			"ok",
		]);
	});

	it("masks no option, and nothing after an option that has its value", () => {
		const args = [
			"--token",
			"--verbose",
			"--password=",
			"word",
			"token",
			"word",
		];
		expect(maskArguments(args).filter((arg) => arg === "***")).toEqual([]);
	});

	// A name that is a secret's before `=` is one before a space too.
	it.each([
		"--password",
		"--auth-token",
		"--authToken",
		"--accessToken",
		"--dbpassword",
		"--PGPASSWORD",
		"--client_secret",
		"--api-key",
	])("knows %s in both forms", (option) => {
		expect(maskArguments([`${option}=${SECRET}`])[0]).not.toContain(SECRET);
		expect(maskArguments([option, SECRET])[1]).toBe("***");
	});

	it("keeps the number of arguments, and what holds no secret", () => {
		fc.assert(
			fc.property(fc.array(fc.string()), (args) => {
				expect(maskArguments(args)).toHaveLength(args.length);
			}),
		);
		const plain = ["run", "build", "--watch", "./src", "-n", "5"];
		expect(maskArguments(plain)).toEqual(plain);
	});
});
