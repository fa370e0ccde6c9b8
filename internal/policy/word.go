package policy

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// word is what is known about a shell word before the shell expands it.
type word struct {
	// text is the word's value if it is literal, else the part before the first
	// expansion.
	text    string
	literal bool
	// many says that it may become another number of words.
	many bool
	// loose says that a variable in it may bring blanks or a leading dash.
	loose bool
}

// steady are the variables whose values are the sandbox's own: absolute paths
// and names, without blanks. PWD may hold blanks, so it counts in quotes only.
var steady = map[string]bool{"HOME": true, "TMPDIR": true, "USER": true, "PWD": true}

// mayBeFlag says whether expansion may make a flag of the word, or bring one
// behind it.
func (w word) mayBeFlag() bool {
	return !w.literal && (w.loose || w.text == "" && w.many || strings.HasPrefix(w.text, "-"))
}

const (
	useQuotes  = "write the text in plain single quotes"
	noExpand   = "run one command, read its output, and write the value into the next command"
	simpleVars = `use plain variables such as "$HOME", without operators in the braces`
)

// readWord evaluates a word as far as all of bash, dash and zsh agree, since
// the hook is not told which of them Codex will start.
func readWord(w *syntax.Word) (word, *refused) {
	r := word{literal: true}
	for i, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			r.addLiteral(p.Value, i == 0, len(w.Parts) == 1)
		case *syntax.SglQuoted:
			// dash ends $'a\' at the second quote, bash does not.
			if p.Dollar {
				return r, no(w, "$'…' is not allowed", useQuotes)
			}
			r.add(p.Value)
		case *syntax.DblQuoted:
			if p.Dollar {
				return r, no(w, `$"…" is not allowed`, useQuotes)
			}
			for _, inner := range p.Parts {
				switch q := inner.(type) {
				case *syntax.Lit:
					r.add(unescapeQuoted(q.Value))
				default:
					if bad := r.addExpansion(w, q, true); bad != nil {
						return r, bad
					}
				}
			}
		default:
			if bad := r.addExpansion(w, p, false); bad != nil {
				return r, bad
			}
		}
	}
	return r, nil
}

// add appends text while all before it is literal.
func (r *word) add(text string) {
	if r.literal {
		r.text += text
	}
}

// addLiteral appends an unquoted part, in which globs, braces and a leading
// tilde still mean something.
func (r *word) addLiteral(s string, first, whole bool) {
	if first && strings.HasPrefix(s, "~") {
		r.literal = false
		return
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				r.add(s[i : i+1])
			}
		case strings.IndexByte("*?", c) >= 0, c == '[' && (!whole || s != "["), c == '{' && isBrace(s[i:]):
			r.literal, r.many = false, true
		default:
			r.add(s[i : i+1])
		}
	}
}

// isBrace says whether bash may take s for {a,b} or {1..3}. "{}" and "@{1}" are
// plain text. The comma may also stand in a later part: then "{" ends s.
func isBrace(s string) bool {
	inner, _, closed := strings.Cut(s[1:], "}")
	return !closed || strings.Contains(inner, ",") || strings.Contains(inner, "..") || strings.Contains(inner, "{")
}

// unescapeQuoted gives the value of text between double quotes.
func unescapeQuoted(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0 {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// addExpansion takes plain variables and refuses all else.
func (r *word) addExpansion(w *syntax.Word, part syntax.WordPart, quoted bool) *refused {
	switch p := part.(type) {
	case *syntax.ParamExp:
		plain := p.Param != nil && p.Flags == nil && !p.Excl && !p.Length && !p.Width && !p.IsSet &&
			p.NestedParam == nil && p.Index == nil && len(p.Modifiers) == 0 && p.Slice == nil &&
			p.Repl == nil && p.Names == 0 && p.Exp == nil &&
			p.Split == 0 && p.GlobSubst == 0 && p.RcExpand == 0
		if !plain {
			return no(w, "${…} with an operator is not allowed", simpleVars)
		}
		name := p.Param.Value
		safe := steady[name] && (quoted || name != "PWD")
		if !safe && (!quoted || r.text == "") {
			r.loose = true
		}
		if !quoted && !safe || name == "@" || name == "*" {
			r.many = true
		}
		r.literal = false
		return nil
	case *syntax.CmdSubst:
		return no(w, "command substitution is not allowed", noExpand)
	case *syntax.ProcSubst:
		return no(w, "process substitution is not allowed", "use a pipe")
	case *syntax.ArithmExp:
		return no(w, "arithmetic expansion is not allowed", "write the number itself")
	case *syntax.ExtGlob:
		return no(w, "extended globs are not allowed", "use * and ?, or name the files")
	default:
		return no(w, "this kind of expansion is not allowed", useQuotes)
	}
}
