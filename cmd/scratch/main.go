package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"runtime/pprof"
	"time"

	"github.com/replicavet/replicavet/internal/effects"
	"github.com/replicavet/replicavet/internal/load"
	"github.com/replicavet/replicavet/internal/program"
)

func main() {
	t := time.Now()
	code, err := load.Load(context.Background(), load.Config{Dir: os.Args[1]})
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	fmt.Println("load", time.Since(t))
	if len(os.Args) > 3 {
		f, _ := os.Create(os.Args[3])
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	t = time.Now()
	p := program.Build(code)
	fmt.Println("program", time.Since(t), len(p.Funcs))
	t = time.Now()
	e := effects.Build(p)
	fmt.Println("effects", time.Since(t), len(e.Stories), len(e.Ledger))
	n := 0
	for _, s := range e.Stories {
		n += len(s.Events)
		for _, r := range s.Reads() {
			fr, why := e.Freshness(r)
			if fr == 0 && strings.Contains(p.At(s.Write.Pos()), os.Args[2]) {
				fmt.Println(p.At(r.Pos()), "read unknown", why, r.Client)
				for _, src := range p.Sources(r.Client).Values {
					fmt.Printf("   %T %v in %v at %s\n", src, src, src.Parent(), p.At(src.Pos()))
				}
			}
		}
	}
	fmt.Println(n)
}
