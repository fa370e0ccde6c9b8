package report

import (
	"cmp"
	"path"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// A lexer is a heap of regular expressions that backtrack, and what they read is
// hostile: a file may take this long for its colours, and a report that long for
// all of them. What is over is shown without. One match is bounded by chroma, at
// a quarter of a second.
const (
	fileColourTime   = 300 * time.Millisecond
	reportColourTime = 2 * time.Second
)

// span says that the next n runes of a line have the colour of class; 0 is none.
type span struct {
	class byte
	n     int
}

// painter finds the colours of code. It gives back lengths and classes, never
// text: whatever a lexer does, the text on the page is that of the patch.
type painter struct {
	// file is how long one file may take, left what all may take yet.
	file, left time.Duration
}

// of returns a function that colours the lines of a piece of that file. It
// returns nil where there are no colours.
func (p *painter) of(name string) func([]codeLine) [][]span {
	lexer := lexerOf(name)
	left := min(p.file, p.left)
	return func(lines []codeLine) [][]span {
		if lexer == nil || left <= 0 {
			return nil
		}
		start := time.Now()
		spans := paint(lexer, lines, start.Add(left))
		took := time.Since(start)
		left -= took
		p.left -= took
		return spans
	}
}

// lexerOf returns nil for a file without a lexer of the plain kind. Those that
// delegate (Markdown, templates) read a text to its end before they give the
// first token, so that no clock can stop them.
func lexerOf(name string) *chroma.RegexLexer {
	base := path.Base(name)
	if lexer := lexerIndex()[base]; lexer != nil {
		return lexer
	}
	return lexerIndex()[path.Ext(base)]
}

// lexerIndex maps base names and extensions to lexers. lexers.Match tries more
// than a thousand patterns for each name, which takes a millisecond or two: too
// long for a patch of hundreds of files.
var lexerIndex = sync.OnceValue(func() map[string]*chroma.RegexLexer {
	index := map[string]*chroma.RegexLexer{}
	for _, l := range lexers.GlobalLexerRegistry.Lexers {
		lexer, plain := l.(*chroma.RegexLexer)
		if !plain {
			continue
		}
		for _, pattern := range lexer.Config().Filenames {
			key := strings.TrimPrefix(pattern, "*")
			if strings.ContainsAny(key, "*?[") || key == "" {
				continue
			}
			if old := index[key]; old == nil || before(lexer.Config(), old.Config()) {
				index[key] = lexer
			}
		}
	}
	for _, ext := range []string{".txt", ".mod"} { // no code; go.mod is not AMPL
		delete(index, ext)
	}
	return index
})

// before decides between two lexers for one pattern as chroma does: by priority,
// 1 if it is not given. The name settles the rest.
func before(a, b *chroma.Config) bool {
	pa, pb := cmp.Or(a.Priority, 1), cmp.Or(b.Priority, 1)
	if pa != pb {
		return pa > pb
	}
	return a.Name < b.Name
}

// paint returns nil if the lexer broke, ran out of time or changed the text.
func paint(lexer *chroma.RegexLexer, lines []codeLine, deadline time.Time) (spans [][]span) {
	defer func() {
		// chroma panics where its own tables are inconsistent.
		if recover() != nil {
			spans = nil
		}
	}()
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.text)
		text.WriteByte('\n')
	}
	next, err := lexer.Tokenise(&chroma.TokeniseOptions{State: "root"}, text.String())
	if err != nil {
		return nil
	}
	spans = make([][]span, 1, len(lines)+1)
	for t := next(); t != chroma.EOF; t = next() {
		if time.Now().After(deadline) {
			return nil
		}
		class := classOf(t.Type)
		for i, part := range strings.Split(t.Value, "\n") {
			if i > 0 {
				spans = append(spans, nil)
			}
			spans[len(spans)-1] = join(spans[len(spans)-1], span{class, utf8.RuneCountInString(part)})
		}
	}
	if !fits(spans, lines) {
		return nil
	}
	return spans
}

// join appends a span, or lengthens the last one of the same class.
func join(spans []span, s span) []span {
	if s.n == 0 {
		return spans
	}
	if last := len(spans) - 1; last >= 0 && spans[last].class == s.class {
		spans[last].n += s.n
		return spans
	}
	return append(spans, s)
}

// fits says whether the spans are those of the lines.
func fits(spans [][]span, lines []codeLine) bool {
	if len(spans) < len(lines) {
		return false
	}
	for i, l := range lines {
		n := 0
		for _, s := range spans[i] {
			n += s.n
		}
		if n != utf8.RuneCountInString(l.text) {
			return false
		}
	}
	return true
}

// classOf folds chroma's hundred kinds of token into the seven that style.css
// knows.
func classOf(t chroma.TokenType) byte {
	switch t {
	case chroma.KeywordType, chroma.NameClass, chroma.NameBuiltin, chroma.NameBuiltinPseudo, chroma.NameException, chroma.NameNamespace:
		return 't'
	case chroma.NameFunction, chroma.NameFunctionMagic, chroma.NameDecorator:
		return 'f'
	case chroma.NameTag, chroma.NameAttribute, chroma.NameProperty:
		return 'a'
	case chroma.KeywordConstant:
		return 'n'
	}
	switch {
	case t.InCategory(chroma.Keyword), t == chroma.OperatorWord:
		return 'k'
	case t.InCategory(chroma.Comment):
		return 'c'
	case t.InSubCategory(chroma.LiteralString):
		return 's'
	case t.InCategory(chroma.Literal):
		return 'n'
	}
	return 0
}
