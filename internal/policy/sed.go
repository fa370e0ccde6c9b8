package policy

import (
	"fmt"
	"strings"
)

// checkSed takes sed scripts that only select and print. It gives the reason
// for a refusal, or nothing.
func checkSed(args []word) string {
	const instead = "use sed -n '10,20p' FILE."
	var scripts []word
	var operands []word
	for i := 0; i < len(args); i++ {
		text := args[i].text
		switch {
		case strings.HasPrefix(text, "--expression="):
			scripts = append(scripts, word{text: strings.TrimPrefix(text, "--expression="), literal: args[i].literal})
		case text == "--expression" || len(text) > 1 && text[0] == '-' && text[1] != '-' && strings.HasSuffix(text, "e"):
			if i++; i == len(args) {
				return "sed -e needs a script; " + instead
			}
			scripts = append(scripts, args[i])
		case len(text) > 1 && text[0] == '-':
			if strings.Contains(text, "e") && text[1] != '-' {
				return fmt.Sprintf("sed %s is not clear; %s", clip(text), instead)
			}
		default:
			operands = append(operands, args[i])
		}
	}
	if scripts == nil && len(operands) > 0 {
		scripts = operands[:1]
	}
	if scripts == nil {
		return "sed needs a script; " + instead
	}
	for _, s := range scripts {
		if !s.literal {
			return "A sed script with variables or wildcards is not allowed; write it in single quotes."
		}
		if !selectsOnly(s.text) {
			return fmt.Sprintf("The sed script %q may do more than select and print; %s", clip(s.text), instead)
		}
	}
	return ""
}

// selectsOnly understands addresses and those commands of sed that touch no
// file and run nothing: s without the flags w and e, p, d, q and the like.
func selectsOnly(script string) bool {
	s := sedScanner{rest: script}
	for {
		s.skip(" \t\n;}")
		if s.rest == "" {
			return true
		}
		if !s.address() {
			return false
		}
		s.skip(" \t")
		if s.take(",") {
			s.skip(" \t")
			if s.rest == "" || strings.IndexByte("0123456789$/+~", s.rest[0]) < 0 {
				return false
			}
			if (s.take("+") || s.take("~")) && !s.digits() || !s.address() {
				return false
			}
		}
		s.skip(" \t!")
		if s.take("{") {
			continue
		}
		if !s.command() {
			return false
		}
		s.skip(" \t")
		if s.rest != "" && strings.IndexByte("\n;}", s.rest[0]) < 0 {
			return false
		}
	}
}

// sedScanner reads a sed script from its front.
type sedScanner struct{ rest string }

func (s *sedScanner) skip(set string) { s.rest = strings.TrimLeft(s.rest, set) }

func (s *sedScanner) take(prefix string) bool {
	rest, ok := strings.CutPrefix(s.rest, prefix)
	s.rest = rest
	return ok
}

func (s *sedScanner) digits() bool {
	before := len(s.rest)
	s.skip("0123456789")
	return len(s.rest) < before
}

// address reads a line number, $, /regex/ or nothing.
func (s *sedScanner) address() bool {
	switch {
	case s.take("$"):
	case s.take("/"):
		if !s.until('/', true) {
			return false
		}
		s.skip("IM")
	case s.digits():
		if s.take("~") {
			return s.digits()
		}
	}
	return true
}

func (s *sedScanner) command() bool {
	switch {
	case s.take("s"):
		if s.rest == "" || strings.IndexByte("/|#,:@!%", s.rest[0]) < 0 {
			return false
		}
		delimiter := s.rest[0]
		s.rest = s.rest[1:]
		if !s.until(delimiter, true) || !s.until(delimiter, false) {
			return false
		}
		s.skip("gpiIM0123456789")
		return true
	case s.take("q"), s.take("Q"), s.take("l"):
		s.skip(" \t")
		s.skip("0123456789")
		return true
	default:
		for _, c := range []string{"p", "P", "d", "D", "=", "n", "N", "h", "H", "g", "G", "x", "z"} {
			if s.take(c) {
				return true
			}
		}
		return false
	}
}

// until reads to the delimiter and over it. GNU sed ends at the first one that
// no backslash escapes, busybox not inside brackets: where a bracket is open at
// that point they differ, so that is refused.
func (s *sedScanner) until(delimiter byte, regex bool) bool {
	open := -1
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '\n':
			return false
		case c == delimiter:
			if open >= 0 {
				return false
			}
			s.rest = s.rest[i+1:]
			return true
		case c == '\\':
			if open >= 0 && i+1 < len(s.rest) && (s.rest[i+1] == delimiter || s.rest[i+1] == ']') {
				return false
			}
			i++
		case regex && c == '[' && open < 0:
			open = i
		case c == ']' && open >= 0 && i > open+1 && s.rest[open+1:i] != "^":
			open = -1
		}
	}
	return false
}
