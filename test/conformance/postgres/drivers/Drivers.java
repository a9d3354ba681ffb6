// pgjdbc in its query modes, and what a tool asks of DatabaseMetaData. One line a check: `ok NAME` or `FAIL NAME: why`.
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;

public class Drivers {
  interface Check { Object run() throws Exception; }

  static boolean isDirect;
  static Connection c;

  static void check(String name, Object expected, Check check) {
    try {
      Object found = check.run();
      boolean isRight = expected == null || String.valueOf(expected).equals(String.valueOf(found));
      System.out.println(isRight ? "ok pgjdbc " + name : "FAIL pgjdbc " + name + ": " + found);
    } catch (Exception error) {
      System.out.println("FAIL pgjdbc " + name + ": " + String.valueOf(error.getMessage()).replace("\n", " "));
    }
  }

  static int count(ResultSet rows) throws SQLException {
    int count = 0;
    while (rows.next()) count++;
    rows.close();
    return count;
  }

  static void listed(String name, Check rows) { check(name, true, () -> count((ResultSet) rows.run()) > 0); }

  public static void main(String[] arguments) throws Exception {
    isDirect = arguments.length > 0;
    String ssn = isDirect ? "123-45-6789" : "[REDACTED:pg.ssn]";
    Properties properties = new Properties();
    properties.put("user", System.getenv("PGUSER"));
    properties.put("password", System.getenv("PGPASSWORD"));
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?";
    for (String mode : new String[] {"", "preferQueryMode=simple", "preferQueryMode=extendedCacheEverything", "prepareThreshold=1", "reWriteBatchedInserts=true", "autosave=always"}) {
      c = DriverManager.getConnection(url + mode, properties);
      check(mode + " prepared", ssn, () -> {
        PreparedStatement statement = c.prepareStatement("select ssn from customers where id = ?");
        String found = "";
        for (int id = 1; id < 10; id++) { statement.setInt(1, id); ResultSet rows = statement.executeQuery(); rows.next(); found = rows.getString(1); }
        return found;
      });
      check(mode + " fetchSize", 50, () -> {
        c.setAutoCommit(false);
        Statement statement = c.createStatement();
        statement.setFetchSize(7);
        int rows = count(statement.executeQuery("select id, ssn from customers"));
        c.commit();
        c.setAutoCommit(true);
        return rows;
      });
      check(mode + " batch", 300, () -> {
        PreparedStatement statement = c.prepareStatement("insert into notes(body) values (?)");
        for (int at = 0; at < 300; at++) { statement.setString(1, "b" + at); statement.addBatch(); }
        return statement.executeBatch().length;
      });
      if (!isDirect) check(mode + " refused", "42501 1", () -> {
        Statement statement = c.createStatement();
        try { statement.execute("drop table customers"); return "not refused"; }
        catch (SQLException refused) { return refused.getSQLState() + " " + count(statement.executeQuery("select 1")); }
      });
      c.close();
    }
    c = DriverManager.getConnection(url, properties);
    DatabaseMetaData meta = c.getMetaData();
    listed("getTables", () -> meta.getTables(null, "public", "%", null));
    listed("getColumns", () -> meta.getColumns(null, "public", "customers", "%"));
    listed("getPrimaryKeys", () -> meta.getPrimaryKeys(null, "public", "customers"));
    listed("getImportedKeys", () -> meta.getImportedKeys(null, "public", "orders"));
    listed("getExportedKeys", () -> meta.getExportedKeys(null, "public", "customers"));
    listed("getIndexInfo", () -> meta.getIndexInfo(null, "public", "customers", false, false));
    listed("getSchemas", () -> meta.getSchemas());
    listed("getCatalogs", () -> meta.getCatalogs());
    listed("getTypeInfo", () -> meta.getTypeInfo());
    listed("getFunctions", () -> meta.getFunctions(null, "public", "%"));
    listed("getFunctionColumns", () -> meta.getFunctionColumns(null, "public", "%", "%"));
    listed("getTablePrivileges", () -> meta.getTablePrivileges(null, "public", "customers"));
    listed("getUDTs", () -> meta.getUDTs(null, "public", "%", null));
    check("callable", 42, () -> {
      CallableStatement call = c.prepareCall("{?= call add_one(?)}");
      call.registerOutParameter(1, Types.INTEGER);
      call.setInt(2, 41);
      call.execute();
      return call.getInt(1);
    });
    check("copy out", 40, () -> ((PGConnection) c).getCopyAPI().copyOut("copy orders to stdout", new StringWriter()));
    check("copy in", 2, () -> ((PGConnection) c).getCopyAPI().copyIn("copy notes(body) from stdin", new StringReader("a\nb\n")));
    check("cancel", "57014", () -> {
      Statement statement = c.createStatement();
      statement.setQueryTimeout(1);
      try { statement.execute("select pg_sleep(20)"); return "not cancelled"; } catch (SQLException cancelled) { return cancelled.getSQLState(); }
    });
    check("savepoint", null, () -> { c.setAutoCommit(false); c.rollback(c.setSavepoint()); c.commit(); c.setAutoCommit(true); return null; });
    c.close();
  }
}
