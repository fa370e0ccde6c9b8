package redact

// FindKnown lists the known values in b in order, also those that Find takes
// for a part of something else: a login behind "Bearer " is a bearer token to
// the rules.
func (s *Secrets) FindKnown(b []byte) []Match {
	var all []Match
	at := lines{text: b}
	for i := 0; i+2 < len(b); i++ {
		t := s.table[uint16(b[i])<<8|uint16(b[i+1])]
		if t == 0 {
			continue
		}
		h, v := matchForms(s.buckets[t].forms, b, i, true)
		if v != found {
			continue
		}
		all = append(all, Match{h.rule, at.of(i)})
		i = h.to - 1
	}
	return all
}
