package mcpserver

import (
	"reflect"
	"strings"
	"time"
)

// tidy returns a deep copy of v, a value of structs, slices, pointers, strings,
// numbers and times, as a client may see it: every string is UTF-8, and a slice that
// is nil becomes empty, because the schemas know no null.
func tidy[T any](v T) T {
	var clean T
	tidyInto(reflect.ValueOf(&clean).Elem(), reflect.ValueOf(&v).Elem())
	return clean
}

func tidyInto(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.String:
		dst.SetString(strings.ToValidUTF8(src.String(), "\uFFFD"))
	case reflect.Slice:
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			tidyInto(dst.Index(i), src.Index(i))
		}
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			tidyInto(dst.Elem(), src.Elem())
		}
	case reflect.Struct:
		if src.Type() == reflect.TypeFor[time.Time]() {
			dst.Set(src)
			return
		}
		for i := range src.NumField() {
			tidyInto(dst.Field(i), src.Field(i))
		}
	default:
		dst.Set(src)
	}
}
