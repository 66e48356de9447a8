// An interpreter that keeps its state from cell to cell: java --add-opens java.base/java.io=ALL-UNNAMED Kernel.java. ../README.md has the
// protocol. Cells run in this machine, through jshell's local engine: what they print goes where it belongs by itself.
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import jdk.jshell.Diag;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.JShellException;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;

public class Kernel {
  static final int TEXT_MOST = 256 << 10;
  static final int EVENT_MOST = 10 << 20;
  static final PrintStream out = System.out;
  static final PrintStream err = System.err;

  static FileOutputStream events;
  static JShell shell;
  static final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
    Thread thread = new Thread(task, "brig clock");
    thread.setDaemon(true);
    return thread;
  });
  static volatile boolean runs = false;
  static volatile String stopped = null;  // "interrupted" or "timeout"
  static int count = 0;

  /** What went wrong in a cell, as an event says it. */
  record Failure(String name, String value, String traceback) {}

  public static void main(String[] arguments) throws Exception {
    var constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
    constructor.setAccessible(true);
    events = new FileOutputStream(constructor.newInstance(3));
    var requests = new BufferedReader(new InputStreamReader(new FileInputStream(FileDescriptor.in), StandardCharsets.UTF_8));
    System.setIn(InputStream.nullInputStream());
    sun.misc.Signal.handle(new sun.misc.Signal("INT"), signal -> interrupt());
    shell = JShell.builder().executionEngine("local").build();
    for (String name : List.of("java.io", "java.math", "java.net", "java.nio.file", "java.time", "java.util", "java.util.concurrent", "java.util.function",
        "java.util.regex", "java.util.stream")) {
      shell.eval("import " + name + ".*;");
    }
    send(event("ready", "language", "java", "version", System.getProperty("java.version"), "engine", "jshell"));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      if (line.isBlank()) continue;
      Map<?, ?> request = null;
      try {
        request = new Json(line).value() instanceof Map<?, ?> map ? map : null;
      } catch (RuntimeException wrong) {
        // told below
      }
      if (request != null && "stop".equals(request.get("op"))) break;
      if (request != null && "run".equals(request.get("op")) && request.get("id") instanceof Long && request.get("code") instanceof String) run(request);
      else err.println("brig kernel: a request that is none was left out");
    }
    Runtime.getRuntime().halt(0);
  }

  static synchronized void interrupt() {
    if (runs && stopped == null) stop("interrupted", count);
  }

  /** Again and again until the cell has ended: one may fall between two statements, or into the compiler. */
  static synchronized void stop(String why, int cell) {
    if (!runs || cell != count) return;
    if (stopped == null) stopped = why;
    shell.stop();
    clock.schedule(() -> stop(why, cell), 200, TimeUnit.MILLISECONDS);
  }

  static synchronized void begin() {
    ++count;
    runs = true;
    stopped = null;
  }

  static synchronized void end() {
    runs = false;
  }

  static void run(Map<?, ?> request) throws IOException {
    Object id = request.get("id");
    Map<String, String> before = enter(request.get("env") instanceof Map<?, ?> env ? env : Map.of());
    begin();
    int cell = count;
    send(event("begin", "id", id, "count", (long) cell));
    Future<?> due = null;
    if (request.get("timeout_ms") instanceof Long limit && limit > 0) due = clock.schedule(() -> stop("timeout", cell), limit, TimeUnit.MILLISECONDS);
    Failure failure = null;
    String shown = null;
    try {
      if (request.get("cwd") instanceof String folder && !folder.equals(System.getProperty("user.dir"))) {
        failure = new Failure("UnsupportedOperationException", "Java cannot change its folder: make a context there", "");
      } else {
        shown = evaluate((String) request.get("code"));
      }
    } catch (Wrong wrong) {
      failure = wrong.failure;
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError problem) {
      failure = new Failure(problem.getClass().getName(), String.valueOf(problem.getMessage()), "");
    }
    end();
    if (due != null) due.cancel(false);
    restore(before);
    String status = failure == null ? "ok" : "error";
    if (stopped != null && failure != null) {
      status = stopped;
      boolean isLate = status.equals("timeout");
      failure = new Failure(isLate ? "TimeoutError" : "InterruptedError",
          isLate ? "the cell ran longer than it was given; variables keep their values" : "the cell was interrupted; variables keep their values", "");
    }
    if (shown != null && failure == null) send(event("result", "id", id, "data", Map.of("text/plain", shown), "is_main", true));
    if (failure != null) send(event("error", "id", id, "name", cut(failure.name), "value", cut(failure.value), "traceback", cut(failure.traceback)));
    send(event("end", "id", id, "status", status));
  }

  static final class Wrong extends Exception {
    final transient Failure failure;

    Wrong(Failure failure) {
      this.failure = failure;
    }
  }

  /** The text of the last expression's value; null if it has none. */
  static String evaluate(String code) throws Wrong {
    SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
    String shown = null;
    for (String rest = code; !rest.isBlank();) {
      SourceCodeAnalysis.CompletionInfo info = analysis.analyzeCompletion(rest);
      if (info.completeness() == Completeness.EMPTY) break;  // a comment
      boolean isWhole = info.completeness().isComplete();
      if (stopped != null) throw new Wrong(new Failure("", "", ""));
      String source = isWhole ? info.source() : rest;
      shown = null;
      for (SnippetEvent event : shell.eval(source)) {
        if (event.status() == Snippet.Status.REJECTED) throw new Wrong(rejected(event.snippet()));
        if (event.exception() != null) throw new Wrong(thrown(event.exception()));
        if (stopped != null) throw new Wrong(new Failure("", "", ""));
        boolean hasValue = event.causeSnippet() == null && event.value() != null && !event.value().isEmpty();
        if (hasValue && event.snippet() instanceof jdk.jshell.ExpressionSnippet) shown = event.value();
        if (hasValue && event.snippet().subKind() == Snippet.SubKind.TEMP_VAR_EXPRESSION_SUBKIND) shown = event.value();
      }
      if (!isWhole) break;
      rest = info.remaining();
    }
    return shown;
  }

  static Failure rejected(Snippet snippet) {
    List<String> lines = new ArrayList<>();
    for (Diag diag : shell.diagnostics(snippet).collect(Collectors.toList())) {
      if (diag.isError()) lines.add(diag.getMessage(Locale.ENGLISH));
    }
    String text = lines.isEmpty() ? "the code is not complete" : String.join("\n", lines);
    return new Failure("CompileError", text, "CompileError: " + text + "\n" + snippet.source());
  }

  static Failure thrown(JShellException exception) {
    if (!(exception instanceof EvalException thrown)) return new Failure("UnresolvedReferenceException", String.valueOf(exception.getMessage()), "");
    StringBuilder trace = new StringBuilder(thrown.getExceptionClassName() + ": " + thrown.getMessage() + "\n");
    for (StackTraceElement at : thrown.getStackTrace()) {
      trace.append("    at ").append(at.toString().replaceFirst("^REPL\\.\\$JShell\\$\\w+", "cell")).append("\n");
    }
    return new Failure(thrown.getExceptionClassName(), String.valueOf(thrown.getMessage()), trace.toString());
  }

  /** Java's own environment cannot be changed: variables are system properties for this cell. */
  static Map<String, String> enter(Map<?, ?> environment) {
    Map<String, String> before = new LinkedHashMap<>();
    environment.forEach((name, value) -> before.put((String) name, System.setProperty((String) name, (String) value)));
    return before;
  }

  static void restore(Map<String, String> before) {
    before.forEach((name, value) -> {
      if (value == null) System.clearProperty(name);
      else System.setProperty(name, value);
    });
    System.setOut(out);
    System.setErr(err);
    System.setIn(InputStream.nullInputStream());
    out.flush();
  }

  static String cut(String text) {
    return text.length() > TEXT_MOST ? text.substring(0, TEXT_MOST) : text;
  }

  static Map<String, Object> event(String type, Object... pairs) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("type", type);
    for (int at = 0; at < pairs.length; at += 2) event.put((String) pairs[at], pairs[at + 1]);
    return event;
  }

  static void send(Map<String, Object> event) throws IOException {
    byte[] line = (Json.write(event) + "\n").getBytes(StandardCharsets.UTF_8);
    if (line.length > EVENT_MOST && event.containsKey("data")) {
      event.put("data", Map.of("text/plain", "(" + line.length + " bytes: over the limit of " + EVENT_MOST + " for one result)"));
      line = (Json.write(event) + "\n").getBytes(StandardCharsets.UTF_8);
    }
    events.write(line);
  }

  /** As much of JSON as the protocol has. */
  static final class Json {
    private final String text;
    private int at = 0;

    Json(String text) {
      this.text = text;
    }

    Object value() {
      skip();
      char c = text.charAt(at);
      if (c == '{') return object();
      if (c == '"') return string();
      int begin = at;
      while (at < text.length() && "+-.eE0123456789truefalsn".indexOf(text.charAt(at)) >= 0) ++at;
      String word = text.substring(begin, at);
      return switch (word) {
        case "true" -> Boolean.TRUE;
        case "false" -> Boolean.FALSE;
        case "null" -> null;
        default -> Long.valueOf(word);
      };
    }

    private void skip() {
      while (Character.isWhitespace(text.charAt(at))) ++at;
    }

    private void expect(char c) {
      skip();
      if (text.charAt(at++) != c) throw new IllegalArgumentException("no JSON");
    }

    private Map<String, Object> object() {
      Map<String, Object> map = new LinkedHashMap<>();
      expect('{');
      skip();
      while (text.charAt(at) != '}') {
        skip();
        String name = string();
        expect(':');
        map.put(name, value());
        skip();
        if (text.charAt(at) == ',') ++at;
        skip();
      }
      ++at;
      return map;
    }

    private String string() {
      expect('"');
      StringBuilder result = new StringBuilder();
      for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
        if (c != '\\') {
          result.append(c);
          continue;
        }
        c = text.charAt(at++);
        if (c == 'u') {
          result.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
          at += 4;
        } else {
          int known = "bfnrt".indexOf(c);
          result.append(known < 0 ? c : "\b\f\n\r\t".charAt(known));
        }
      }
      return result.toString();
    }

    static String write(Object value) {
      if (value instanceof Map<?, ?> map) {
        return map.entrySet().stream().map(one -> quote((String) one.getKey()) + ":" + write(one.getValue())).collect(Collectors.joining(",", "{", "}"));
      }
      return value instanceof String text ? quote(text) : String.valueOf(value);
    }

    private static String quote(String text) {
      StringBuilder result = new StringBuilder("\"");
      for (int at = 0; at < text.length(); ++at) {
        char c = text.charAt(at);
        if (c == '"' || c == '\\') result.append('\\').append(c);
        else if (c < 0x20 || Character.isSurrogate(c)) result.append(String.format("\\u%04x", (int) c));
        else result.append(c);
      }
      return result.append('"').toString();
    }
  }
}
