import { dayOf } from "@tessera/client";
import type { Bridge, Task } from "../bridge.js";

/** The tasks of this device. */
export function TaskList({ bridge, tasks }: { readonly bridge: Bridge; readonly tasks: readonly Task[] }) {
  return (
    <aside aria-labelledby="tasks">
      <h2 id="tasks">Your tasks</h2>
      <ul>
        {tasks.map((task) => (
          <li key={task.id}>
            <label dir="auto">
              <input
                type="checkbox"
                checked={task.status === "done"}
                onChange={(event) => bridge.finishTask(task.id, event.target.checked)}
              />
              <span>{task.title}</span>
            </label>
            {task.dueDate ? <time dateTime={String(task.dueDate)}>{written(task.dueDate)}</time> : null}
          </li>
        ))}
      </ul>
    </aside>
  );
}

/** A day as people write it, such as "14 Mar". */
function written(value: NonNullable<Task["dueDate"]>): string {
  const day = dayOf(value);
  if (day === undefined) return String(value);
  const date = new Date(`${day}T00:00:00Z`);
  return new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" }).format(date);
}
