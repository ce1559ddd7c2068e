/** A time of the week, on the clock on the wall. */
export interface WallTime {
	/** 0 is Sunday, as Date counts. */
	readonly day: number;
	/** Minutes after midnight. */
	readonly minute: number;
}

/** A span of each of some days; one that crosses midnight ends on the next day. */
export interface TimeWindow {
	readonly source: string;
	readonly days: ReadonlySet<number>;
	readonly start: number;
	/** Minute at which it is over; not above `start` where it crosses midnight. */
	readonly end: number;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MINUTES_PER_DAY = 24 * 60;

/**
 * Parses `"Mon-Fri 09:00-17:00"`, `"Sat,Sun *"`, `"* 22:00-06:00"`.
 *
 * @throws Error saying what is wrong with the text
 */
export function parseTimeWindow(source: string): TimeWindow {
	const [days, span, ...more] = source.trim().split(/\s+/);
	if (days === undefined || span === undefined || more.length > 0)
		throw new Error('is not of the form "Mon-Fri 09:00-17:00"');
	return { source, days: parseDays(days), ...parseSpan(span) };
}

function parseDays(text: string): ReadonlySet<number> {
	if (text === "*") return new Set(DAYS.keys());
	const days = new Set<number>();
	for (const part of text.split(",")) {
		const [first = "", last = first, ...more] = part.split("-");
		const from = dayNumber(first);
		const to = dayNumber(last);
		if (from < 0 || to < 0 || more.length > 0)
			throw new Error(
				`${JSON.stringify(part)} is neither * nor a day or days of ${DAYS.join(", ")}`,
			);
		for (let day = from; ; day = (day + 1) % DAYS.length) {
			days.add(day);
			if (day === to) break;
		}
	}
	return days;
}

function dayNumber(name: string): number {
	return DAYS.findIndex((day) => day.toLowerCase() === name.toLowerCase());
}

function parseSpan(text: string): { start: number; end: number } {
	if (text === "*") return { start: 0, end: MINUTES_PER_DAY };
	const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
	const [h1 = 99, m1 = 99, h2 = 99, m2 = 99] =
		match?.slice(1).map(Number) ?? [];
	const start = h1 * 60 + m1;
	const end = h2 * 60 + m2;
	if (m1 > 59 || m2 > 59 || h1 > 23 || end > MINUTES_PER_DAY)
		throw new Error(
			`${JSON.stringify(text)} is neither * nor a span from 00:00 to 24:00`,
		);
	if (start === end)
		throw new Error(`${JSON.stringify(text)} is empty; * is the whole day`);
	return { start, end };
}

/**
 * What the clock on the wall shows. Windows are compared with that alone, so that
 * 09:00 is 09:00 on both sides of a change of daylight saving: an hour that is
 * skipped is in no window, one that comes twice is in its window twice.
 */
export function wallTime(date: Date): WallTime {
	return {
		day: date.getDay(),
		minute: date.getHours() * 60 + date.getMinutes(),
	};
}

/** Whether a window holds a time; its end is not part of it. */
export function isInWindow(
	{ day, minute }: WallTime,
	{ days, start, end }: TimeWindow,
): boolean {
	if (start < end) return days.has(day) && minute >= start && minute < end;
	const yesterday = (day + DAYS.length - 1) % DAYS.length;
	return (
		(days.has(day) && minute >= start) || (days.has(yesterday) && minute < end)
	);
}
