package aggregate

import "github.com/monitorgen/monitorgen/sink/sqlite/query"

// Name is what statistics know a function by: builds of changed source have the
// same.
type Name struct{ Process, Group string }

// Catalog knows all functions of a database.
type Catalog struct {
	byID     map[int64]*query.Function
	versions map[Name][]*query.Function // by ascending id
}

// NewCatalog makes a catalog of all versions of all functions, in the order of
// their ids.
func NewCatalog(all []query.Function) *Catalog {
	c := &Catalog{byID: map[int64]*query.Function{}, versions: map[Name][]*query.Function{}}
	for i := range all {
		f := &all[i]
		c.byID[f.ID] = f
		name := Name{f.Process, f.Group}
		c.versions[name] = append(c.versions[name], f)
	}
	return c
}

// Function returns the function of an id, nil if it is not known.
func (c *Catalog) Function(id int64) *query.Function { return c.byID[id] }

// NameOf returns the name of a function; ok is false if it is not known.
func (c *Catalog) NameOf(id int64) (name Name, ok bool) {
	f := c.byID[id]
	if f == nil {
		return Name{}, false
	}
	return Name{f.Process, f.Group}, true
}

// Newest returns the newest version of a function, nil if it is not known.
func (c *Catalog) Newest(name Name) *query.Function {
	versions := c.versions[name]
	if len(versions) == 0 {
		return nil
	}
	return versions[len(versions)-1]
}

// Versions returns all versions of a function, oldest first.
func (c *Catalog) Versions(name Name) []*query.Function { return c.versions[name] }

// Len returns how many functions there are, versions counted as one.
func (c *Catalog) Len() int { return len(c.versions) }

// ByName calls do with each function's newest version.
func (c *Catalog) ByName(do func(Name, *query.Function)) {
	for name, versions := range c.versions {
		do(name, versions[len(versions)-1])
	}
}
