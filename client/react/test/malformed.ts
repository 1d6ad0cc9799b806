const deep = JSON.parse(`${"[".repeat(2000)}${"]".repeat(2000)}`);

/** Invalid data that must not break a page, by name. */
export const MALFORMED: ReadonlyArray<readonly [string, unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["a string", "<img src=x onerror=alert(1)>"],
  ["a number", 7],
  ["a list", []],
  ["nothing", {}],
  [
    "null fields",
    { chartType: null, title: null, data: null, config: null, headers: null, rows: null, checkpoints: null },
  ],
  [
    "wrong lists",
    { chartType: "bar", data: [1, "x", null], config: {}, headers: [], rows: [1], checkpoints: [1], items: [1] },
  ],
  [
    "an unknown chart",
    { chartType: "donut", title: "x", data: [{ a: 1 }], config: { a: { label: "A", color: "red" } } },
  ],
  ["a config of no objects", { chartType: "bar", title: "x", data: [{ a: 1, b: "x" }], config: { a: null, b: 4 } }],
  ["a config as a list", { chartType: "pie", title: "x", data: [{ a: 1 }], config: [1] }],
  [
    "objects for words",
    { chartType: "line", title: { x: 1 }, data: [{ a: 1, b: { c: 2 } }], config: { a: { label: {} } } },
  ],
  ["no numbers", { chartType: "radar", title: "x", data: [{ a: "1" }, { a: null }], config: { a: { label: "A" } } }],
  ["negative slices", { chartType: "pie", title: "x", data: [{ a: -1 }, { a: 0 }], config: { a: { label: "A" } } }],
  [
    "huge numbers",
    { chartType: "area", title: "x", data: [{ a: 1e308 }, { a: -1e308 }], config: { a: { label: "A" } } },
  ],
  ["one point", { chartType: "line", title: "", data: [{ a: 1 }], config: { a: { label: "", color: "" } } }],
  ["rings of nothing", { chartType: "radial", title: "x", data: [{ a: 0 }], config: { a: { label: "A" } } }],
  ["uneven rows", { headers: ["a", "b"], rows: [[], [1, 2, 3, 4], [{}, []], [undefined]] }],
  ["rows of objects", { headers: ["a"], rows: [{ a: 1 }] }],
  ["headers of anything", { headers: [null, {}, [], 1], rows: [[1, 2, 3, 4]] }],
  ["impossible dates", { checkpoints: [{ id: 1, title: 2, date: 1e20 }, { date: "soon" }, { date: null }] }],
  [
    "the furthest dates",
    {
      checkpoints: [
        { id: "a", title: "a", date: 8.64e15 },
        { id: "b", title: "b", date: -8.64e15 },
      ],
    },
  ],
  ["an unknown entity", { entity: "invoice", items: [{ id: "1" }] }],
  ["items of nothing", { entity: "task", items: [{}, { id: {}, title: [], status: {}, priority: 1, dueDate: "x" }] }],
  ["equal ids", { entity: "note", items: [{ id: "1" }, { id: "1" }] }],
  [
    "deep nesting",
    { entity: "task", items: [{ id: "1", title: deep }], headers: ["a"], rows: [[deep]], checkpoints: [deep] },
  ],
];
