package mcpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
)

// parseArguments decodes JSON as json.Unmarshal does into an any, but reports
// a key that stands twice in one object, and gives whole numbers as int64. A
// second value would silently replace the first, and two readers of the same
// bytes could disagree on which one counts.
func parseArguments(raw []byte) (any, []problem, error) {
	p := argumentParser{d: json.NewDecoder(bytes.NewReader(raw))}
	p.d.UseNumber()
	v, err := p.value(nil)
	if err != nil {
		return nil, nil, err
	}
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("more than one value")
	}
	return v, p.problems, nil
}

type argumentParser struct {
	d        *json.Decoder
	problems []problem
}

func (p *argumentParser) value(path []string) (any, error) {
	token, err := p.d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return p.object(path)
		}
		return p.array(path)
	case json.Number:
		return number(t), nil
	default:
		return t, nil
	}
}

func (p *argumentParser) object(path []string) (any, error) {
	object := map[string]any{}
	for p.d.More() {
		token, err := p.d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, errors.New("a key is not a string")
		}
		inner := slices.Concat(path, []string{key})
		if _, twice := object[key]; twice {
			p.problems = append(p.problems, problem{path: inner, what: "stands more than once in the same object; give it once."})
		}
		if object[key], err = p.value(inner); err != nil {
			return nil, err
		}
	}
	_, err := p.d.Token()
	return object, err
}

func (p *argumentParser) array(path []string) (any, error) {
	array := []any{}
	for p.d.More() {
		v, err := p.value(slices.Concat(path, []string{strconv.Itoa(len(array))}))
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := p.d.Token()
	return array, err
}

// number keeps what no check could tell apart from being expensive: 1e999999999
// is huge as an exact number, and just "too large" as a float.
func number(n json.Number) any {
	f, err := strconv.ParseFloat(n.String(), 64)
	switch {
	case err != nil:
		return math.Copysign(math.MaxFloat64, f)
	case f == math.Trunc(f) && math.Abs(f) <= 1<<53:
		return int64(f)
	}
	return f
}
