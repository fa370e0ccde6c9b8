package console

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// column is a heading of a grid, above numbers if right.
type column struct {
	name  string
	right bool
}

// grid lays out rows of cells, which must be visible text, with two blanks
// between columns and no lines. Rows that are wider than the screen are cut.
func grid(s Screen, columns []column, rows []table.Row) string {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	if width := s.columns(); width > 0 {
		style.Size.WidthMax = width
		style.Box.UnfinishedRow = "…"
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	var configs []table.ColumnConfig
	var header table.Row
	for i, c := range columns {
		header = append(header, c.name)
		if c.right {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	t.AppendRows(rows)
	return t.Render() + "\n"
}

// paragraph writes foreign text, indented and wrapped to the screen.
func paragraph(b *strings.Builder, s string, screen Screen) { hang(b, "  ", "  ", s, screen) }

// bullet writes foreign text as one item of a list.
func bullet(b *strings.Builder, s string, screen Screen) { hang(b, "  - ", "    ", s, screen) }

// hang writes foreign text after first, and what does not fit on that line after
// rest, which is as wide.
func hang(b *strings.Builder, first, rest, s string, screen Screen) {
	s = folded(s)
	if s == "" {
		return
	}
	if columns := screen.columns(); columns > 0 {
		s = text.WrapSoft(s, max(columns-text.StringWidthWithoutEscSequences(first)-1, 20))
	}
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(first + strings.TrimRight(line, " ") + "\n")
		first = rest
	}
}

// few joins names, of which there may be many.
func few(names []string) string {
	const most = 5
	names = slices.Clone(names)
	if more := len(names) - most; more > 0 {
		names = append(names[:most], "and "+count(more, "other", "others"))
	}
	return strings.Join(names, ", ")
}
