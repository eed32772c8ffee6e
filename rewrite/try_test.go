package rewrite

import (
	"context"
	"fmt"
	"os"
	"testing"
)

func TestTry(t *testing.T) {
	dir := os.Getenv("TRY")
	if dir == "" {
		t.Skip()
	}
	b, err := FindBuild(context.Background(), dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := MakePlan(context.Background(), Selection{Dir: dir, Patterns: []string{"./..."}, All: true, Closure: true, InTests: true})
	if err != nil {
		t.Fatal(err)
	}
	o := NewOverlay("/tmp/x/tryov")
	if err := o.AddPlan(plan); err != nil {
		t.Fatal(err)
	}
	if err := o.AddRuntime(b, os.DirFS("/tmp/x/stub")); err != nil {
		t.Fatal(err)
	}
	p, err := o.WriteJSON()
	fmt.Println(plan.Count(), len(plan.Skipped), plan.Broken, p, err)
}

func TestTryIn(t *testing.T) {
	dir := os.Getenv("TRYIN")
	if dir == "" {
		t.Skip()
	}
	sel := Selection{Dir: dir, Patterns: []string{"./..."}, All: true}
	if os.Getenv("TRYREVERT") != "" {
		cs, err := Revert(context.Background(), sel)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(len(cs), cs.Commit())
		return
	}
	plan, cs, err := Generate(context.Background(), sel)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(plan.Count(), len(cs), cs.Commit())
	_, cs, err = Generate(context.Background(), sel)
	fmt.Println("again", len(cs), err)
	for _, c := range cs {
		fmt.Println(c.Path, len(c.Old), len(c.New))
	}
}
