/** How high every chart is, in CSS pixels; its width is that of its place. */
export const CHART_HEIGHT = 260;
/** What is drawn before the place has been measured, and where nothing can be measured. */
export const INITIAL_SIZE = { width: 560, height: CHART_HEIGHT };
