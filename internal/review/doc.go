// Package review judges a plan before anyone works on it. Analyse says what the
// plan's text alone proves; Prompt, Parse and Retry are the two sides of asking
// Codex what only a look at the repository can tell; Merge joins the two reports.
// All of it is pure, and what Codex answered is never taken for more than text.
package review
