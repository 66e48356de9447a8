# What is shown of a value, and of what a cell draws.

ROWS_MOST <- 60L         # of a data frame in HTML; then its two ends
COLUMNS_MOST <- 30L
CELL_TEXT_MOST <- 200L   # characters of one value in HTML
VALUES_MOST <- 200000L   # of a data frame whose values are told
PLOTS_MOST <- 100L       # of one cell

print_value <- function(value) {
  below <<- sys.nframe() + 2L
  eval(quote(print(x)), list(print = if (isS4(value)) methods::show else base::print, x = value), globalenv())
}

# What R would print of it. If that does not come to its end, what there is of it is printed.
printed <- function(value) {
  sinks <- sink.number()
  store <- rawConnection(raw(0L), "w")
  is_whole <- FALSE
  text_of <- function() {
    while (sink.number() > sinks) sink()
    text <- tryCatch(rawToChar(rawConnectionValue(store)), error = function(e) "")  # the cell may have closed it, or written a 0
    tryCatch(close(store), error = function(e) NULL)
    Encoding(text) <- "UTF-8"
    text
  }
  on.exit(if (!is_whole) {
    text <- text_of()
    base::cat(text)  # only now is there no sink
  })
  sink(store)
  print_value(value)
  is_whole <- TRUE
  sub("\n+$", "", text_of())
}

keep_last <- function(value) {
  unlockBinding(".Last.value", baseenv())
  assign(".Last.value", value, envir = baseenv())
}

show_main <- function(value) {
  text <- printed(value)
  if (!nzchar(text) && plot_is_open()) {
    plot$is_main <- TRUE
    return()
  }
  if (!nzchar(text)) return()  # a page of help, which its pager has printed
  data <- list("text/plain" = text)
  if (is.data.frame(value)) data <- c(data, forms_of_frame(value))
  send_result(data, TRUE)
}

# Data frames.

forms_of_frame <- function(frame) {
  tryCatch({
    frame <- of_cell(as.data.frame, frame)
    forms <- list("text/html" = html_of(frame))
    if (prod(dim(frame)) <= VALUES_MOST && !anyDuplicated(names(frame))) forms[["e2b/data"]] <- json_of(frame)
    forms
  }, error = function(e) if (is_time_limit(e)) stop(e) else list())
}

escaped <- function(text) gsub(">", "&gt;", gsub("<", "&lt;", gsub("&", "&amp;", text, fixed = TRUE), fixed = TRUE), fixed = TRUE)

html_of <- function(frame) {
  rows <- nrow(frame)
  columns <- seq_len(min(ncol(frame), COLUMNS_MOST))
  half <- ROWS_MOST %/% 2L
  shown <- if (rows > ROWS_MOST) c(seq_len(half), seq(rows - half + 1L, rows)) else seq_len(rows)
  part <- frame[shown, columns, drop = FALSE]
  cells <- vapply(part, function(column) escaped(short_text(trimws(of_cell(format, column)))), character(length(shown)))
  table <- cbind(escaped(short_text(row.names(part))), matrix(cells, length(shown)))
  lines <- apply(table, 1L, function(row) paste0("<tr><th>", row[1L], "</th>", paste0("<td>", row[-1L], "</td>", collapse = ""), "</tr>"))
  if (rows > ROWS_MOST) lines <- append(lines, sprintf("<tr><th>⋮</th><td colspan=\"%d\">%d more rows</td></tr>", length(columns), rows - ROWS_MOST), half)
  left <- ncol(frame) - length(columns)
  paste0("<table border=\"1\" class=\"dataframe\"><thead><tr><th></th>", paste0("<th>", escaped(names(part)), "</th>", collapse = ""),
         "</tr></thead><tbody>", paste(lines, collapse = "\n"), "</tbody></table>",
         sprintf("<p>%d rows × %d columns%s</p>", rows, ncol(frame), if (left > 0L) sprintf(", of which %d are not shown", left) else ""))
}

short_text <- function(texts) {
  texts <- as.character(texts)
  is_long <- nchar(texts, "chars", TRUE, TRUE) > CELL_TEXT_MOST
  texts[is_long] <- paste0(substr(texts[is_long], 1L, CELL_TEXT_MOST), "…")
  texts
}

# {column: [values]}, as E2B's clients read it: times as ISO text, no number as null.
json_of <- function(frame) {
  columns <- vapply(frame, function(column) paste0("[", paste(json_values(column), collapse = ","), "]"), "")
  paste0("{", paste0(quoted(names(frame)), ":", columns, collapse = ","), "}")
}

json_values <- function(column) {
  if (is.logical(column)) return(ifelse(is.na(column), "null", ifelse(column, "true", "false")))
  if (inherits(column, "POSIXt")) texts <- format(column, "%Y-%m-%dT%H:%M:%S")
  else if (inherits(column, "Date")) texts <- format(column, "%Y-%m-%d")
  else if (is.numeric(column) && !is.factor(column)) return(ifelse(is.finite(column), sprintf("%.15g", as.numeric(column)), "null"))
  else if (is.list(column)) texts <- vapply(column, function(one) paste(of_cell(format, one), collapse = ", "), "")
  else texts <- as.character(of_cell(as.character, column))
  ifelse(is.na(texts), "null", quoted(texts))
}

# Plots. R asks for a device when something is drawn and none is open: then it is this one, and each page is a file.

plot <- new.env()

open_plot <- function(...) {
  option <- function(name, usual) {
    given <- getOption(paste0("repr.plot.", name))  # as in Jupyter's notebooks
    if (is.numeric(given) && length(given) == 1L && is.finite(given) && given > 0) given else usual
  }
  plot$kind <- if (capabilities("png")) "png" else if (capabilities("cairo")) "svg" else stop("plots cannot be shown: this R was built without png and cairo", call. = FALSE)
  plot$folder <- tempfile("plots", tempdir(TRUE))
  dir.create(plot$folder)
  path <- file.path(plot$folder, paste0("%05d.", plot$kind))
  width <- min(option("width", 7), 50)
  height <- min(option("height", 7), 50)
  if (plot$kind == "svg") grDevices::svg(path, width, height)
  else grDevices::png(path, width, height, "in", res = min(option("res", 120), 600), type = if (capabilities("cairo")) "cairo" else getOption("bitmapType"))
  plot$path <- path
}

# The numbers of the devices that are ours: cells may have closed them, and opened others.
plot_devices <- function() {
  if (is.null(plot$path)) return(integer())
  Filter(function(number) identical(attr(.Devices[[number]], "filepath"), plot$path), as.integer(grDevices::dev.list()))
}

plot_is_open <- function() length(plot_devices()) > 0L

show_plots <- function(are_wanted) {
  if (is.null(plot$path)) return()
  for (number in plot_devices()) tryCatch(grDevices::dev.off(number), error = function(e) NULL)
  files <- sort(list.files(plot$folder, full.names = TRUE))
  files <- files[file.size(files) > 0L]
  if (are_wanted && length(files) > PLOTS_MOST) {
    base::cat(sprintf("brig kernel: of %d plots the first %d are shown\n", length(files), PLOTS_MOST), file = base::stderr())
    files <- files[seq_len(PLOTS_MOST)]
  }
  if (are_wanted) for (at in seq_along(files)) {
    bytes <- tryCatch(readBin(files[at], "raw", file.size(files[at])), error = function(e) raw())
    if (length(bytes) > 0L) send_result(form_of_plot(bytes), isTRUE(plot$is_main) && at == length(files))
  }
  unlink(plot$folder, recursive = TRUE)
  plot$path <- plot$folder <- plot$is_main <- NULL
}

form_of_plot <- function(bytes) {
  if (plot$kind == "svg") list("image/svg+xml" = rawToChar(bytes))
  else list("image/png" = base64(bytes))
}
