// pgx in its five modes and lib/pq. One line a check: `ok NAME` or `FAIL NAME: why`.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
)

var ssn = "[REDACTED:pg.ssn]"

func check(name string, expected any, run func() (any, error)) {
	found, err := run()
	if err != nil {
		fmt.Printf("FAIL %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
	} else if fmt.Sprint(found) != fmt.Sprint(expected) {
		fmt.Printf("FAIL %s: %v\n", name, found)
	} else {
		fmt.Println("ok " + name)
	}
}

func main() {
	direct := len(os.Args) > 1
	if direct {
		ssn = "123-45-6789"
	}
	ctx, end := context.WithTimeout(context.Background(), time.Minute)
	defer end()
	url := fmt.Sprintf("postgres://%s:%s@%s:%s/%s?sslmode=disable", os.Getenv("PGUSER"), os.Getenv("PGPASSWORD"), os.Getenv("PGHOST"), os.Getenv("PGPORT"), os.Getenv("PGDATABASE"))
	const one = "select ssn from customers where id = $1"
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		c, err := pgx.Connect(ctx, url+"&default_query_exec_mode="+mode)
		if err != nil {
			fmt.Printf("FAIL pgx %s: %s\n", mode, err)
			continue
		}
		named := func(what string) string { return "pgx " + mode + " " + what }
		check(named("select"), ssn, func() (any, error) { var s string; err := c.QueryRow(ctx, one, 1).Scan(&s); return s, err })
		check(named("batch"), ssn, func() (any, error) {
			b := &pgx.Batch{}
			b.Queue(one, 1)
			b.Queue("insert into notes(body) values ($1)", "b")
			results := c.SendBatch(ctx, b)
			var s string
			err := results.QueryRow().Scan(&s)
			return s, errors.Join(err, results.Close())
		})
		if !direct {
			check(named("refused"), "42501 1", func() (any, error) {
				_, err := c.Exec(ctx, "drop table customers")
				var refused *pgconn.PgError
				if !errors.As(err, &refused) {
					return nil, fmt.Errorf("not refused: %w", err)
				}
				var i int
				err = c.QueryRow(ctx, "select 1").Scan(&i)
				return fmt.Sprint(refused.Code, " ", i), err
			})
		}
		check(named("copy in"), 2, func() (any, error) {
			return c.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"body"}, pgx.CopyFromRows([][]any{{"a"}, {"b"}}))
		})
		check(named("types"), 4, func() (any, error) { types, err := c.LoadTypes(ctx, []string{"mood", "orders"}); return len(types), err })
		check(named("copy out"), "COPY 40", func() (any, error) { return c.PgConn().CopyTo(ctx, &strings.Builder{}, "copy orders to stdout") })
		_ = c.Close(ctx)
	}
	db, _ := sql.Open("postgres", url)
	check("pq select", ssn, func() (any, error) { var s string; err := db.QueryRow(one, 1).Scan(&s); return s, err })
	check("pq copy in", 100, func() (any, error) {
		tx, err := db.Begin()
		if err != nil {
			return nil, err
		}
		statement, err := tx.Prepare(pq.CopyIn("notes", "body"))
		if err != nil {
			return nil, err
		}
		for range 100 {
			_, _ = statement.Exec("x")
		}
		_, err = statement.Exec()
		return 100, errors.Join(err, statement.Close(), tx.Commit())
	})
	binary, _ := sql.Open("postgres", url+"&binary_parameters=yes")
	check("pq binary parameters", ssn, func() (any, error) { var s string; err := binary.QueryRow(one, 1).Scan(&s); return s, err })
}
