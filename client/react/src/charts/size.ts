/** The height of every chart in CSS pixels. Its width is that of its container. */
export const CHART_HEIGHT = 260;
/** The size of a chart until its container has been measured, and where it cannot be measured. */
export const INITIAL_SIZE = { width: 560, height: CHART_HEIGHT };
