# An interpreter that keeps its state from cell to cell: Rscript kernel.R. ../README.md has the protocol. Base R only. Everything of the
# kernel lives in an environment whose parent is base's: what cells define, whatever its name, is not seen from here.
local({
  TEXT_MOST <- 262144L      # characters of a message, and of a traceback
  EVENT_MOST <- 10485760L   # bytes of one event
  SOURCE_MOST <- 1048576L   # bytes of a cell up to which errors know their line: a reference costs much more than its text
  FRAMES_MOST <- 20L        # of a traceback, at each end
  STATES <- c(timeout = "TimeoutError", interrupted = "InterruptedError")

  here <- environment()
  folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
  for (part in c("json.R", "shows.R", "masks.R")) eval(parse(file.path(folder, part), keep.source = FALSE, encoding = "UTF-8"), here)

  pid <- Sys.getpid()
  count <- 0L
  id <- NULL       # of the cell that runs
  below <- Inf     # so many frames are below the cell's own
  failed <- NULL   # the calls of the last error, and the cell's line
  line <- 0L

  # Descriptors. Opened anew through /proc, with "e": children do not inherit them. A user who may not open these pipes has
  # them copied by a cat each.
  opened <- function(number, mode, copier) {
    suppressWarnings(tryCatch(file(sprintf("/proc/self/fd/%d", number), mode), error = function(e) pipe(copier, substr(mode, 1L, 1L))))
  }
  events <- opened(3L, "wbe", "exec cat >&3")
  requests <- opened(0L, "rbe", "exec cat")
  parallel:::closeFD(c(0L, 3L))
  null <- file("/dev/null", "r")  # takes 0, the lowest that is free
  own <- vapply(list(events, requests, null), as.integer, 1L)

  die <- function(sentence) {
    base::cat("brig kernel: ", sentence, "\n", sep = "", file = base::stderr())
    .Internal(quit("no", 70L, FALSE))
  }

  send <- function(...) {
    if (Sys.getpid() != pid) .Internal(quit("no", 0L, FALSE))  # a child that the cell has forked, and not ended
    event <- list(...)
    text <- write_json(event)
    size <- nchar(text, "bytes")
    if (size > EVENT_MOST) {
      event$data <- list("text/plain" = sprintf("(%d bytes: over the limit of %d for one result)", size, EVENT_MOST))
      text <- write_json(event)
    }
    tryCatch(suspendInterrupts({  # nor does the time limit cut it in two
      writeLines(text, events, useBytes = TRUE)
      flush(events)
    }), error = function(e) die("the cell closed the kernel's own descriptors: the context ends"))
  }

  send_result <- function(data, is_main) send(type = "result", id = id, data = data, is_main = is_main)

  # What ended something that is the cell's: NULL, an error, an interrupt, or a list with the code that quit() was given.
  attempt <- function(act) {
    below <<- Inf
    ended <- withRestarts(
      tryCatch(withCallingHandlers({ allowInterrupts(act()); NULL }, error = remember, warning = tell_warning),
               error = identity, interrupt = identity),
      brig_exit = function(status) structure(list(status = status), class = "brig_exit"))
    if (Sys.getpid() != pid) .Internal(quit("no", as.integer(!is.null(ended)), FALSE))
    ended
  }

  remember <- function(error) {
    calls <- sys.calls()
    calls <- calls[seq_len(length(calls) - 1L)]  # this one
    calls <- calls[-seq_len(min(below, length(calls)))]
    failed <<- list(error = error, calls = without_signal(calls), line = line)
  }

  # Without what stands at the end and says no more than that something went wrong.
  without_signal <- function(calls) {
    names <- vapply(calls, function(call) if (is.name(call[[1L]])) as.character(call[[1L]]) else "", "")
    size <- length(names)
    converted <- which(names == ".signalSimpleWarning")
    if (length(converted) > 0L && size - max(converted) <= 4L) size <- max(converted) - 1L  # by the option `warn`
    if (size > 0L && names[size] == ".handleSimpleError") size <- size - 1L
    if (size > 0L && names[size] == "stop") size <- size - 1L
    calls[seq_len(size)]
  }

  # R itself would name calls of ours, and tell warnings at the end of everything where the option `warn` is 0.
  tell_warning <- function(warning) {
    level <- getOption("warn")
    if (!is.numeric(level) || length(level) != 1L || !(level %in% 0:1)) return()
    call <- conditionCall(warning)
    base::cat("Warning", if (is_of_a_cell(call)) paste0(" in ", short_call(call), " "), ": ", of_cell(conditionMessage, warning), "\n", sep = "", file = base::stderr())
    if (!is.null(findRestart("muffleWarning", warning))) invokeRestart("muffleWarning")
  }

  is_of_a_cell <- function(call) is.call(call) && !is.function(call[[1L]]) && !identical(call, quote(eval(expression, globalenv())))

  short_call <- function(call) {
    text <- tryCatch(deparse(call, 120L, nlines = 1L)[1L], error = function(e) "(a call)")
    if (nchar(text, "chars", TRUE, TRUE) > 160L) paste0(substr(text, 1L, 160L), "…") else text
  }

  at_line <- function(call) {
    reference <- attr(call, "srcref")
    if (is.null(reference)) return("")
    name <- attr(reference, "srcfile")$filename
    if (is.null(name)) "" else sprintf(" at %s:%d", name, as.integer(reference)[1L])
  }

  trace_of <- function(error) {
    if (is.null(failed) || !identical(failed$error, error)) return(NULL)
    calls <- failed$calls
    places <- vapply(calls, at_line, "")
    start <- if (failed$line > 0L) sprintf(" at <cell %d>:%d", count, failed$line) else ""
    if (length(calls) == 0L) return(if (nzchar(start)) paste0("Traceback:\n1.", start))
    if (!nzchar(places[1L])) places[1L] <- start
    lines <- sprintf("%d. %s%s", seq_along(calls), vapply(calls, short_call, ""), places)
    if (length(lines) > 2L * FRAMES_MOST) {
      left <- length(lines) - 2L * FRAMES_MOST
      lines <- c(lines[seq_len(FRAMES_MOST)], sprintf("… (%d more)", left), utils::tail(lines, FRAMES_MOST))
    }
    paste(c("Traceback:", lines), collapse = "\n")
  }

  # The error event of an error. Its message may be made by a function of the cell's.
  describe <- function(error) {
    told <- NULL
    trace <- trace_of(error)
    ended <- attempt(function() {
      message <- paste(as.character(of_cell(conditionMessage, error)), collapse = "\n")
      call <- conditionCall(error)
      head <- if (is_of_a_cell(call)) paste0("Error in ", short_call(call), " : ", message) else paste0("Error: ", message)
      told <<- list(name = class(error)[1L], value = paste0(message, advice(error)), traceback = paste0(paste(c(head, trace), collapse = "\n"), "\n"))
    })
    if (is.null(ended)) told else list(name = class(error)[1L], value = "(telling what went wrong failed)", traceback = "")
  }

  advice <- function(error) {
    package <- if (inherits(error, "packageNotFoundError")) error$package
    if (!is.character(package) || length(package) != 1L || !grepl("^[A-Za-z][A-Za-z0-9.]{0,80}$", package)) return("")
    sprintf(": the template has none. A template with Debian's r-cran-%s has; or, where this sandbox may reach a CRAN mirror, install.packages(\"%s\", lib = \".\") and library(%s, lib.loc = \".\")",
            tolower(package), package, package)
  }

  # Calls a function of R's where the cells' own methods are found.
  of_cell <- function(f, x) eval(quote(f(x)), list(f = f, x = x), globalenv())

  # Tracebacks begin above withVisible() and the two frames of eval().
  ground <- function(expression) {
    below <<- sys.nframe() + 3L
    withVisible(eval(expression, globalenv()))
  }

  evaluate <- function(code) {
    name <- sprintf("<cell %d>", count)
    lines <- strsplit(gsub("\r\n", "\n", code, fixed = TRUE), "\n", fixed = TRUE)[[1L]]
    keeps <- nchar(code, "bytes") <= SOURCE_MOST
    program <- parse_cell(lines, name, keeps)
    references <- if (keeps) attr(program, "srcref")
    for (at in seq_along(program)) {
      if (!is.null(references)) line <<- as.integer(references[[at]])[1L]
      given <- ground(program[[at]])
      if (at == length(program)) keep_last(given$value)
      if (!given$visible) next
      if (at < length(program)) print_value(given$value)
      else show_main(given$value)
    }
  }

  parse_cell <- function(lines, name, keeps) {
    tryCatch(parse(text = lines, srcfile = if (keeps) srcfilecopy(name, lines) else NULL, keep.source = keeps, encoding = "UTF-8"),
             error = function(e) stop(structure(class = c("parseError", "error", "condition"), list(message = conditionMessage(e), call = NULL))))
  }

  enter <- function(request) {
    set_variables(request$env)
    if (!is.character(request$cwd) || !nzchar(request$cwd)) return()
    tryCatch(setwd(request$cwd), error = function(e) stop(sprintf("cannot change the folder to %s: there is none, or it is not yours to enter", request$cwd), call. = FALSE))
  }

  # Of a list or vector with names; NA takes one away.
  set_variables <- function(values) {
    for (at in seq_along(values)) {
      name <- names(values)[at]
      if (is.na(values[[at]])) Sys.unsetenv(name)
      else do.call(Sys.setenv, structure(list(values[[at]]), names = name))
    }
  }

  leave <- function(variables) {
    set_variables(variables)
    if (sink.number(type = "message") != 2L) sink(type = "message")
    while (sink.number() > 0L) sink()
  }

  run <- function(request) {
    tryCatch(allowInterrupts(for (turn in 1:4000) NULL), interrupt = identity)  # one that came while nothing ran
    count <<- count + 1L
    id <<- request$id
    failed <<- NULL
    line <<- 0L
    began <- proc.time()[["elapsed"]]
    limit <- if (is.numeric(request$timeout_ms) && request$timeout_ms > 0) request$timeout_ms / 1000 else Inf
    request$env <- request$env[nzchar(names(request$env)) & !grepl("=", names(request$env), fixed = TRUE)]  # else no variable
    variables <- Sys.getenv(names(request$env), unset = NA, names = TRUE)
    send(type = "begin", id = id, count = count)
    due <<- began + limit
    ended <- attempt(function() {
      enter(request)
      if (is.finite(limit)) setTimeLimit(elapsed = limit)
      evaluate(request$code)
    })
    is_late <- is_time_limit(ended) || proc.time()[["elapsed"]] - began >= limit
    due <<- Inf
    tryCatch(setTimeLimit(), error = function(e) setTimeLimit())
    status <- "ok"
    exit_code <- NULL
    told <- NULL
    if (inherits(ended, "brig_exit")) {
      status <- "exit"
      exit_code <- ended$status
    } else if (inherits(ended, "interrupt") || is_time_limit(ended)) {
      status <- if (is_late) "timeout" else "interrupted"
      value <- if (is_late) sprintf("the cell ran longer than the %.0f ms that it was given; variables keep their values", limit * 1000)
               else "the cell was interrupted; variables keep their values"
      told <- list(name = STATES[[status]], value = value, traceback = sprintf("%s: %s\n", STATES[[status]], value))
    } else if (!is.null(ended)) {
      status <- "error"
      told <- describe(ended)
    }
    leave(variables)
    show_plots(status %in% c("ok", "error", "exit"))
    if (!is.null(told)) send(type = "error", id = id, name = cut_text(told$name), value = cut_text(told$value), traceback = cut_text(told$traceback))
    if (is.null(exit_code)) send(type = "end", id = id, status = status)
    else send(type = "end", id = id, status = status, exit_code = exit_code)
    id <<- NULL
  }

  is_time_limit <- function(ended) {
    identical(class(ended), c("simpleError", "error", "condition")) && ended$message %in% c("reached elapsed time limit", gettext("reached elapsed time limit", domain = "R"))
  }

  cut_text <- function(text) if (nchar(text, "chars", TRUE, TRUE) > TEXT_MOST) substr(text, 1L, TEXT_MOST) else text

  is_run <- function(request) {
    is.list(request) && identical(request$op, "run") && is.numeric(request$id) && is.character(request$code) &&
      (is.null(request$env) || (is.list(request$env) && all(vapply(request$env, is.character, TRUE))))
  }

  if ("@CRAN@" %in% getOption("repos")) options(repos = c(CRAN = "https://cloud.r-project.org"))  # as Debian has it
  options(warn = 1L, keep.parse.data = FALSE, device = open_plot)
  if (!isTRUE(l10n_info()[["UTF-8"]])) for (place in c("C.UTF-8", "en_US.UTF-8")) if (nzchar(suppressWarnings(Sys.setlocale("LC_CTYPE", place)))) break
  tools::Rd2txt_options(underline_titles = FALSE)  # help would be full of backspaces
  install_masks()
  send(type = "ready", language = "r", version = paste(R.version$major, R.version$minor, sep = "."), engine = "R")
  suspendInterrupts(repeat {
    text <- readLines(requests, 1L, warn = FALSE, encoding = "UTF-8")
    if (length(text) == 0L) break
    if (!nzchar(text)) next
    request <- tryCatch(if (validUTF8(text)) read_json(text), error = function(e) NULL)
    if (is.list(request) && identical(request$op, "stop")) break
    if (is_run(request)) run(request)
    else base::cat("brig kernel: a request that is none was left out\n", file = base::stderr())
  })
  .Internal(quit("no", 0L, FALSE))
}, new.env(parent = baseenv()))
