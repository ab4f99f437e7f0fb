package main

// The orders of a test, over HTTP. `val` is the index in keys.json, or "all".
//
//	/down?val=3        no votes and no proposals from now on
//	/up?val=3          votes again
//	/miss?val=3&n=5    misses exactly the next 5 heights
//	/equivocate?val=3  signs its next vote twice, for two blocks
//	/validators        consensus addresses by index, as JSON

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

func serveControl(addr string, r *keyring) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/down", order(r, func(a string, _ int64) { r.down[a] = true }))
	mux.HandleFunc("/up", order(r, func(a string, _ int64) { delete(r.down, a) }))
	mux.HandleFunc("/miss", order(r, func(a string, n int64) { r.misses[a] += n }))
	mux.HandleFunc("/equivocate", order(r, func(a string, _ int64) { r.twice[a] = true }))
	mux.HandleFunc("/validators", func(w http.ResponseWriter, _ *http.Request) {
		out := make([]string, 0, len(r.order))
		for _, a := range r.order {
			out = append(out, fmt.Sprintf("%X", a))
		}
		_ = json.NewEncoder(w).Encode(out)
	})
	return http.ListenAndServe(addr, mux)
}

func order(r *keyring, f func(addr string, n int64)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		val := req.URL.Query().Get("val")
		n := int64(1)
		if s := req.URL.Query().Get("n"); s != "" {
			parsed, err := strconv.ParseInt(s, 10, 64)
			if err != nil || parsed < 0 {
				http.Error(w, "n is no count", http.StatusBadRequest)
				return
			}
			n = parsed
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if val == "all" {
			for _, a := range r.order {
				f(a, n)
			}
			return
		}
		i, err := strconv.Atoi(val)
		if err != nil || i < 0 || i >= len(r.order) {
			http.Error(w, "no such validator", http.StatusBadRequest)
			return
		}
		f(r.order[i], n)
	}
}
