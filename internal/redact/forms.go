package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// forms gives the ways to write a value, each once: as it is, in JSON (also
// twice, as a tool's output inside an event), in a URL, in hexadecimal, and in
// base64 wherever it may lie in the encoded text.
func forms(value string) []string {
	all := []string{value, url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))}
	for _, html := range []bool{true, false} {
		once := inJSON(value, html)
		all = append(all, once, inJSON(once, html), strings.ReplaceAll(once, "/", `\/`))
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := enc.EncodeToString(append(make([]byte, shift), value...))
			// The first characters also carry bits of what stands before the value,
			// the last one perhaps bits of what follows.
			from := []int{0, 2, 3}[shift]
			to := (shift + len(value)) * 8 / 6
			all = append(all, text[from:to])
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < minKnown })
}

// inJSON gives the value as it stands between the quotes of a JSON string.
func inJSON(value string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(value); err != nil { // a string always encodes
		return value
	}
	text := strings.TrimSuffix(b.String(), "\n")
	return text[1 : len(text)-1]
}
