package redact

// escaped says whether an odd number of backslashes stands before buf[i].
func (w *Writer) escaped(i int) bool {
	odd := false
	for i--; i >= 0 && w.buf[i] == '\\'; i-- {
		odd = !odd
	}
	return odd != (i < 0 && w.odd)
}

// escapeTail says how many bytes from buf[i] belong to a JSON escape that begins
// before it.
func (w *Writer) escapeTail(i int) int {
	if w.escaped(i) {
		if i < len(w.buf) && w.buf[i] == 'u' {
			return 5
		}
		return 1
	}
	for k := 2; k <= 5 && i-k >= 0; k++ {
		if w.buf[i-k] == '\\' && w.buf[i-k+1] == 'u' && !w.escaped(i-k) {
			return 6 - k
		}
	}
	return 0
}
