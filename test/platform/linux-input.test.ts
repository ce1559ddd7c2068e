import { describe, expect, it } from "bun:test";
import {
	parseCall,
	parseEpoll,
	parsePoll,
	parseSet,
} from "../../src/platform/linux-input.ts";

describe("what a thread waits for", () => {
	it("is its call and the arguments", () => {
		expect(
			parseCall("0 0x3 0x7ffe4a 0x400 0x0 0x0 0x0 0x7ffd 0x7f1\n"),
		).toEqual({ number: 0, args: [3, 0x7ffe4a, 0x400, 0, 0, 0] });
	});

	it.each(["running\n", "-1 0x7ffd 0x7f1\n", "", "\n"])(
		"is no call: %j",
		(text) => {
			expect(parseCall(text)).toBeUndefined();
		},
	);

	it("is told by an epoll instance, of those to be read", () => {
		const text = `pos:	0
flags:	02
tfd:       16 events:       19 data:               10  pos:0 ino:3 sdev:c
tfd:       20 events:        4 data:               14  pos:0 ino:3 sdev:c
`;
		expect(parseEpoll(text)).toEqual([16]);
		expect(parseEpoll("")).toEqual([]);
	});

	it("is told by an array of poll, of those to be read", () => {
		const bytes = Buffer.alloc(27);
		bytes.writeInt32LE(5, 0);
		bytes.writeInt16LE(4, 4);
		bytes.writeInt32LE(7, 8);
		bytes.writeInt16LE(3, 12);
		bytes.writeInt32LE(-1, 16);
		expect(parsePoll(bytes)).toEqual([7]);
	});

	it("is told by a set of select", () => {
		expect(parseSet(Buffer.of(0b1000_0001, 0, 2))).toEqual([0, 7, 17]);
		expect(parseSet(Buffer.alloc(0))).toEqual([]);
	});
});
