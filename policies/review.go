package policies

import (
	_ "embed" // review.md, review.schema.json
	"slices"
)

//go:embed review.md
var reviewPrompt string

//go:embed review.schema.json
var reviewSchema []byte

// ReviewPrompt gives review.md: templates of text/template named "review" and
// "retry", which package review fills in.
func ReviewPrompt() string { return reviewPrompt }

// ReviewSchema gives review.schema.json, the JSON Schema of a plan review for
// Codex's --output-schema. It keeps to what strict mode takes: every property is
// required, no other is allowed, and there are no bounds on lengths.
func ReviewSchema() []byte { return slices.Clone(reviewSchema) }
