package console

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// column is a heading of a grid, above numbers if right. Screens with fewer columns
// than from go without it.
type column struct {
	name  string
	right bool
	from  int
}

// grid lays out rows of cells, which must be visible text, with two blanks
// between columns and no lines. Rows that are wider than the screen are cut.
func grid(s Screen, columns []column, rows []table.Row) string {
	columns, rows = narrowed(s, columns, rows)
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

// narrowed leaves out the columns for which the screen is too narrow.
func narrowed(s Screen, columns []column, rows []table.Row) ([]column, []table.Row) {
	width := s.columns()
	var kept []column
	cut := make([]table.Row, len(rows))
	for i, c := range columns {
		if width > 0 && width < c.from {
			continue
		}
		kept = append(kept, c)
		for j := range rows {
			cut[j] = append(cut[j], rows[j][i])
		}
	}
	return kept, cut
}

// idFit cuts an id so that it leaves room for what is said about it.
func (s Screen) idFit(id string, most int) string {
	if width := s.columns(); width > 0 {
		most = min(most, max(width/3, 8))
	}
	return fit(Visible(id), most)
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
		names = append(names[:most], "and "+Count(more, "other", "others"))
	}
	return strings.Join(names, ", ")
}
