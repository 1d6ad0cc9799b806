/** An application that shows answers. */
export { Answer } from "../src/index.js";
