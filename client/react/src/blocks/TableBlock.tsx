"use client";

import { memo, useId, useState } from "react";
import { formatLabel } from "../data/dates.js";
import { formatNumber, namesThings } from "../data/numbers.js";
import { type Cell, isNumeric, readTable, type Sorting, sortRows, type Table, tableText } from "../data/table.js";
import { useBlockOptions, useDirection } from "../options.js";
import { counted, fill } from "../wording/wording.js";
import { CopyButton } from "./CopyButton.js";
import { RawBlock } from "./RawBlock.js";

/** A table with sortable columns that can be copied into a spreadsheet. */
export const TableBlock = memo(function TableBlock({ data }: { readonly data: unknown }) {
  const table = readTable(data);
  return table === undefined ? <RawBlock blockType="table" data={data} /> : <SortableTable table={table} />;
});

function SortableTable({ table }: { readonly table: Table }) {
  const { locale, timeZone, wording } = useBlockOptions();
  const direction = useDirection();
  const [sorting, setSorting] = useState<Sorting>();
  const caption = useId();
  const title = useId();
  const rows = sorting === undefined ? table.rows : sortRows(table.rows, sorting, locale);
  const numeric = table.headers.map((_, column) => isNumeric(table.rows, column));
  const plain = table.headers.map((header, column) => {
    return namesThings(
      header,
      table.rows.map((row) => row[column]),
    );
  });
  const size = counted(wording, wording.rows, table.rows.length, locale);
  return (
    <div className="tsr-block" dir={direction}>
      {table.title ? (
        <div id={title} dir="auto" className="tsr-table-title">
          {table.title}
        </div>
      ) : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable by keyboard */}
      <section className="tsr-scroll" aria-labelledby={table.title ? `${title} ${caption}` : caption} tabIndex={0}>
        <table className="tsr-table" aria-labelledby={table.title ? `${title} ${caption}` : caption}>
          <caption id={caption} className="tsr-hidden">
            {fill(wording.tableLabel, { rows: size })}
          </caption>
          <thead>
            <tr>
              {table.headers.map((header, column) => (
                <th
                  // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have the same name, and columns never move
                  key={column}
                  scope="col"
                  className={numeric[column] ? "tsr-number" : undefined}
                  aria-sort={sorting?.column === column ? (sorting.descending ? "descending" : "ascending") : "none"}
                >
                  <button type="button" className="tsr-sort" onClick={() => setSorting(next(sorting, column))}>
                    <bdi>{header || fill(wording.column, { number: (column + 1).toLocaleString(locale) })}</bdi>
                    <span aria-hidden="true" className="tsr-sort-mark">
                      {sorting?.column === column ? (sorting.descending ? "↓" : "↑") : "↕"}
                    </span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no id
              <tr key={at}>
                {row.map((cell, column) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
                  <td key={column} className={numeric[column] ? "tsr-number" : undefined}>
                    <CellText cell={cell} plain={plain[column] ?? false} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {table.note ? (
        <p dir="auto" className="tsr-table-note tsr-muted">
          {table.note}
        </p>
      ) : null}
      <div className="tsr-foot">
        <span className="tsr-muted">{size}</span>
        <CopyButton text={() => tableText({ headers: table.headers, rows }, timeZone)} />
      </div>
    </div>
  );
}

/** The next sort order of a column: none, ascending, descending, none. */
function next(sorting: Sorting | undefined, column: number): Sorting | undefined {
  if (sorting?.column !== column) return { column, descending: false };
  return sorting.descending ? undefined : { column, descending: true };
}

function CellText({ cell, plain }: { readonly cell: Cell; readonly plain: boolean }) {
  const { locale, now, timeZone, wording } = useBlockOptions();
  if (cell === null) return <span className="tsr-muted">–</span>;
  if (typeof cell === "boolean") return cell ? wording.yes : wording.no;
  return typeof cell === "number" ? (
    formatNumber(cell, locale, plain)
  ) : (
    <bdi>{formatLabel(cell, locale, now, timeZone)}</bdi>
  );
}
