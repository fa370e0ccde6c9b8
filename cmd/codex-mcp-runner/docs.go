package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/config"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/mcpserver"
)

func docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "docs FILE",
		Short:  "Write the generated parts of a README",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			old, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the document: %w", err)
			}
			text, err := generate(cmd.Context(), old)
			if err != nil {
				return err
			}
			if err := os.WriteFile(args[0], text, 0o644); err != nil {
				return fmt.Errorf("write the document: %w", err)
			}
			return nil
		},
	}
}

// generate puts what the code says of itself between the document's markers,
// <!-- generated: NAME --> and <!-- end -->. A test holds that the README has it.
func generate(ctx context.Context, doc []byte) ([]byte, error) {
	tools, err := toolDocs(ctx)
	if err != nil {
		return nil, err
	}
	fields, err := configDocs()
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"tools": tools, "configuration": fields} {
		start, end := []byte("<!-- generated: "+name+" -->\n"), []byte("<!-- end -->\n")
		before, rest, ok := bytes.Cut(doc, start)
		_, after, ended := bytes.Cut(rest, end)
		if !ok || !ended {
			return nil, fmt.Errorf("the document has no place for the generated part %q", name)
		}
		doc = slices.Concat(before, start, []byte(text), end, after)
	}
	return doc, nil
}

// schema is as much of JSON Schema as our own schemas use.
type schema struct {
	Type        string         `json:"type"`
	Description string         `json:"description"`
	Default     any            `json:"default"`
	Enum        []string       `json:"enum"`
	Minimum     *float64       `json:"minimum"`
	Maximum     *float64       `json:"maximum"`
	OneOf       []schema       `json:"oneOf"`
	Items       *schema        `json:"items"`
	Required    []string       `json:"required"`
	Properties  orderedSchemas `json:"properties"`
}

// orderedSchemas keeps the order in which the properties were written, which is
// the order in which a reader should meet them.
type orderedSchemas []namedSchema

type namedSchema struct {
	name string
	schema
}

func (o *orderedSchemas) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		s := namedSchema{name: fmt.Sprint(name)}
		if err := d.Decode(&s.schema); err != nil {
			return err
		}
		*o = append(*o, s)
	}
	return nil
}

// kind says in a few words what a value may be.
func (s schema) kind() string {
	switch {
	case len(s.Enum) > 0:
		return `"` + strings.Join(s.Enum, `", "`) + `"`
	case s.Minimum != nil && s.Maximum != nil && *s.Maximum < 1e6:
		return fmt.Sprintf("%s, %g to %g", s.Type, *s.Minimum, *s.Maximum)
	case s.Type == "array" && s.Items != nil:
		return "list of " + s.Items.kind() + "s"
	case len(s.OneOf) > 0:
		var kinds []string
		for _, one := range s.OneOf {
			kinds = append(kinds, one.kind())
		}
		return strings.Join(kinds, " or ")
	default:
		return s.Type
	}
}

func (s schema) rows(b *strings.Builder, prefix string) {
	for _, p := range s.Properties {
		name := prefix + p.name
		need := ""
		if !slices.Contains(s.Required, p.name) {
			need = "?"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", name, need, p.kind(), cell(p.Description))
		switch {
		case p.Items != nil && len(p.Items.Properties) > 0:
			p.Items.rows(b, name+"[].")
		case len(p.Properties) > 0:
			p.schema.rows(b, name+".")
		}
	}
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func toolDocs(ctx context.Context) (string, error) {
	server, err := mcpserver.New(noBackend{}, mcpserver.Options{Version: "docs", Getenv: os.Getenv, Getwd: os.Getwd})
	if err != nil {
		return "", err
	}
	const ask = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"docs","version":"1"}}}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
`
	var out bytes.Buffer
	if err := server.Serve(ctx, strings.NewReader(ask), &out); err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(out.String()) {
		var answer struct {
			Result struct {
				Tools []struct {
					Name, Description string
					InputSchema       schema
					OutputSchema      schema
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			return "", fmt.Errorf("list the tools: %w", err)
		}
		for _, t := range answer.Result.Tools {
			fmt.Fprintf(&b, "### %s\n\n%s\n\n| input | type | meaning |\n| --- | --- | --- |\n", t.Name, t.Description)
			t.InputSchema.rows(&b, "")
			b.WriteString("\n<details><summary>What comes back</summary>\n\n| output | type | meaning |\n| --- | --- | --- |\n")
			t.OutputSchema.rows(&b, "")
			b.WriteString("\n</details>\n")
		}
	}
	return b.String(), nil
}

func configDocs() (string, error) {
	var s schema
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		return "", fmt.Errorf("read the configuration's schema: %w", err)
	}
	var b strings.Builder
	b.WriteString("| field | type | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, p := range s.Properties {
		if p.name == "$schema" {
			continue
		}
		def, err := json.Marshal(p.Default)
		if err != nil {
			return "", fmt.Errorf("encode the default of %s: %w", p.name, err)
		}
		value := "`" + strings.ReplaceAll(string(def), ",", ", ") + "`"
		if p.Default == nil {
			value = "by `resource_policy`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.name, p.kind(), value, cell(p.Description))
	}
	return b.String(), nil
}

// noBackend stands behind a server that is only asked what it offers.
type noBackend struct{ mcpserver.Backend }

func (noBackend) Stop(error) {}
