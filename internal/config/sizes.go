package config

import (
	"encoding/json"
	"fmt"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// sizeRange bounds one size. JSON Schema cannot: "2GiB" is a text to it.
type sizeRange struct {
	path     []string
	min, max policies.Size
}

// A home below 16 MiB does not hold what Codex writes at its start.
var sizeRanges = []sizeRange{
	{[]string{"resources", "memory"}, 64 * mib, 1024 * gib},
	{[]string{"resources", "file_bytes"}, mib, 1024 * gib},
	{[]string{"resources", "tmp"}, mib, 1024 * gib},
	{[]string{"resources", "home"}, 16 * mib, 1024 * gib},
	{[]string{"resources", "shm"}, mib, 1024 * gib},
	{[]string{"max_patch_bytes"}, kib, 64 * mib},
	{[]string{"max_output_bytes"}, 64 * kib, gib},
}

// checkSizes adds a problem for each size that cannot be read or is out of its
// range. Values of a wrong type are the schema's business.
func (p *problems) checkSizes(root *node) {
	for _, r := range sizeRanges {
		n := root.find(r.path)
		if n == nil {
			continue
		}
		var size policies.Size
		var err error
		switch v := n.value.(type) {
		case string:
			size, err = policies.ParseSize(v)
		case json.Number:
			err = size.UnmarshalJSON([]byte(v))
		default:
			continue
		}
		const mend = `Write a number of bytes or a text such as "512MiB".`
		switch {
		case err != nil:
			p.add(n.at, r.path, fmt.Sprintf("is no size: %s", quote(n.value)), mend)
		case size < r.min || size > r.max:
			p.add(n.at, r.path, fmt.Sprintf("is %v but must be from %v to %v", size, r.min, r.max), mend)
		}
	}
}
