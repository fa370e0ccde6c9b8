package policy

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// comments are taken only where all shells see the same one. It must begin a
// line or follow a blank that is not escaped, and its line must not end in a
// backslash: for shells the comment ends there, for the parser it goes on.
func (c *checker) comments(file *syntax.File) *refused {
	var bad *refused
	syntax.Walk(file, func(n syntax.Node) bool {
		comment, ok := n.(*syntax.Comment)
		if !ok || bad != nil {
			return bad == nil
		}
		at := comment.Pos().Offset()
		before := c.script[:at]
		line, _, _ := strings.Cut(c.script[at:], "\n")
		blank := strings.HasSuffix(before, " ") || strings.HasSuffix(before, "\t") || strings.HasSuffix(before, "\n")
		if before != "" && (!blank || strings.HasSuffix(strings.TrimRight(before, " \t\n"), `\`)) || strings.HasSuffix(line, `\`) {
			bad = no(comment, "this comment is not clearly one", "leave it out")
		}
		return true
	})
	return bad
}

func (c *checker) statements(list []*syntax.Stmt) *refused {
	for _, s := range list {
		if bad := c.statement(s); bad != nil {
			return bad
		}
	}
	return nil
}

func (c *checker) statement(s *syntax.Stmt) *refused {
	if s.Background || s.Coprocess || s.Disown {
		return no(s, "background jobs are not allowed", "run the command in the foreground")
	}
	for _, r := range s.Redirs {
		if bad := c.redirection(r); bad != nil {
			return bad
		}
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		return c.call(cmd)
	case *syntax.BinaryCmd:
		if cmd.Op == syntax.PipeAll {
			return no(s, "|& is not allowed", "write 2>&1 |")
		}
		if bad := c.statement(cmd.X); bad != nil {
			return bad
		}
		return c.statement(cmd.Y)
	case *syntax.Subshell:
		return c.statements(cmd.Stmts)
	case *syntax.Block:
		return c.statements(cmd.Stmts)
	case nil:
		return no(s, "a redirection without a command is not allowed", "edit files with apply_patch")
	default:
		return no(s, construct(cmd)+" is not allowed", "write plain commands, joined by && or on lines of their own")
	}
}

// construct names a kind of shell syntax.
func construct(cmd syntax.Command) string {
	switch cmd.(type) {
	case *syntax.IfClause:
		return "if"
	case *syntax.WhileClause:
		return "a while or until loop"
	case *syntax.ForClause:
		return "a for or select loop"
	case *syntax.CaseClause:
		return "case"
	case *syntax.FuncDecl:
		return "declaring a function"
	case *syntax.TestClause:
		return "[[ … ]]"
	case *syntax.ArithmCmd, *syntax.LetClause:
		return "shell arithmetic"
	case *syntax.DeclClause:
		return "setting or exporting a variable"
	case *syntax.TimeClause:
		return "time"
	case *syntax.CoprocClause:
		return "coproc"
	default:
		return "this kind of shell syntax"
	}
}
