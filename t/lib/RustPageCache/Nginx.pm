package RustPageCache::Nginx;

# An nginx of its own for tests that are a sequence of events (stop the store,
# ask, start it again), which the blocks of Test::Nginx::Socket cannot tell.

use v5.32;
use warnings;
use experimental 'signatures';

use File::Path qw(make_path);
use Test::More ();

use RustPageCache::Client;
use RustPageCache::Ports qw(free_port);
use RustPageCache::Process qw(spawn wait_until);

my ($count, %running) = (0);

# The headers by which a test sees what the cache decided.
sub report_headers () {
    return <<'CONF';
    add_header X-Cache $rust_page_cache_status always;
    add_header X-Cache-Reason $rust_page_cache_reason always;
    add_header X-Cache-Key $rust_page_cache_key always;
CONF
}

# Time enough for a machine that is busy with other things: what a test does not
# say itself must not depend on the default of a quarter of a second.
sub patient_timeouts ($http) {
    return join '', map { $http =~ /\b$_\b/ ? '' : "    $_ 5s;\n" }
        qw(rust_page_cache_timeout rust_page_cache_connect_timeout);
}

# server => what stands in the server block, http => in the http block before it,
# main => before that; workers => 1; listen => parameters of listen;
# errors => patterns of the error lines that are expected;
# default_timeouts => the module's own, bare => without headers that report
# foreground => as a child of the test, for `daemon off`
sub start ($class, %options) {
    my $self = $class->prepare(%options);
    return $self->start_here if $options{foreground};
    my ($status, $output) = $self->run;
    if ($status != 0) {
        Test::More::diag($output, $self->log);
        die "nginx does not start\n";
    }
    $self->{pid} = wait_until(sub { $self->pid }) or die "nginx leaves no pid file\n";
    $running{$self->{pid}} = $self;
    return $self;
}

sub start_here ($self) {
    spawn("$self->{prefix}/output", $self->command);
    $self->{pid} = wait_until(sub { $self->pid });
    Test::More::diag($self->log) if !$self->{pid};
    die "nginx leaves no pid file\n" if !$self->{pid};
    return $running{$self->{pid}} = $self;
}

# `nginx -t`: (exit code, what it said).
sub check ($class, %options) {
    return $class->prepare(%options)->run('-t');
}

sub prepare ($class, %options) {
    my $self = bless {errors => [], workers => 1, port => free_port, %options}, $class;
    $self->{prefix} = "$options{dir}/nginx-" . ++$count;
    make_path("$self->{prefix}/html", "$self->{prefix}/conf");
    $self->write(%options);
    return $self;
}

# Writes the configuration; `reload` makes a running nginx read it.
sub write ($self, %options) {
    my ($main, $http, $server) = map { $options{$_} // '' } qw(main http server);
    my $prefix = $self->{prefix};
    my $user   = $> == 0 ? 'user root;' : '';
    my $listen = $options{listen} // '';
    my $level  = $ENV{TEST_NGINX_LOG_LEVEL} // 'info';
    my $access = $http =~ /access_log/ ? '' : 'access_log off;';
    my $report = $options{bare} ? '' : report_headers();
    $report .= patient_timeouts($http) unless $options{default_timeouts};
    my $connections = $self->{connections} // 512;
    open my $out, '>', "$prefix/conf/nginx.conf" or die "$prefix: $!\n";
    print {$out} <<"CONF";
load_module $self->{module};
$user
worker_processes $self->{workers};
error_log $prefix/error.log $level;
pid $prefix/nginx.pid;
events {
    accept_mutex off;
    worker_connections $connections;
}
$main
http {
    $access
    client_body_temp_path $prefix/client_temp;
    proxy_temp_path $prefix/proxy_temp;
    fastcgi_temp_path $prefix/fastcgi_temp;
    uwsgi_temp_path $prefix/uwsgi_temp;
    scgi_temp_path $prefix/scgi_temp;
    root $prefix/html;
    default_type text/plain;
$report
$http
    server {
        listen 127.0.0.1:$self->{port} $listen;
        server_name localhost;
$server
    }
}
CONF
    close $out or die "$prefix: $!\n";
    return $self;
}

sub command ($self, @arguments) {
    return (
        $self->{binary}, '-p', $self->{prefix}, '-c', "$self->{prefix}/conf/nginx.conf",
        '-e', "$self->{prefix}/error.log", @arguments,
    );
}

sub run ($self, @arguments) {
    my $quoted = join ' ', map { "'" . s/'/'\\''/gr . "'" } $self->command(@arguments);
    my $output = qx($quoted 2>&1 </dev/null);
    return ($? >> 8, $output);
}

sub port ($self)   { return $self->{port} }
sub prefix ($self) { return $self->{prefix} }

sub pid ($self) {
    open my $in, '<', "$self->{prefix}/nginx.pid" or return;
    my $pid = <$in> // return;
    return $pid =~ /^(\d+)$/ ? $1 : undef;
}

# The worker processes that are not shutting down.
sub worker_pids ($self, $master = $self->{pid}) {
    return map { /^\s*(\d+) .*nginx: worker process$/ ? $1 : () }
        split /\n/, qx(ps -o pid=,args= --ppid $master);
}

# The same, once there are as many as there should be.
sub all_worker_pids ($self) {
    my @pids;
    wait_until(sub { @pids = $self->worker_pids; @pids == $self->{workers} });
    return @pids;
}

# The workers that are shutting down.
sub leaving ($self, $master = $self->{pid}) {
    return map { /^\s*(\d+) .*nginx: worker process is shutting down$/ ? $1 : () }
        split /\n/, qx(ps -o pid=,args= --ppid $master);
}

# How many descriptors its workers have open.
sub descriptors ($self, @pids) {
    return scalar(() = map { glob "/proc/$_/fd/*" } @pids ? @pids : $self->worker_pids);
}

sub log ($self) {
    open my $in, '<', "$self->{prefix}/error.log" or return '';
    local $/;
    return <$in> // '';
}

sub log_lines ($self, $pattern) {
    return grep { /$pattern/ } split /\n/, $self->log;
}

sub write_file ($self, $name, $content) {
    my $path = "$self->{prefix}/html/$name";
    open my $out, '>:raw', $path or die "$path: $!\n";
    print {$out} $content;
    close $out or die "$path: $!\n";
    return $path;
}

sub read_file ($self, $name) {
    open my $in, '<:raw', "$self->{prefix}/$name" or return '';
    local $/;
    return <$in> // '';
}

sub client ($self) { return RustPageCache::Client->connect($self->{port}) }

sub raw ($self, $bytes, %options) {
    return $self->client->send($bytes)->response(head => scalar($bytes =~ /^HEAD /), %options);
}

sub get ($self, $target, @headers) {
    return $self->raw(RustPageCache::Client::get($target, @headers));
}

sub request ($self, $method, $target, $body = '', @headers) {
    return $self->raw(RustPageCache::Client::message($method, $target, $body, @headers));
}

# The same request `$n` times at once; the responses.
sub get_many ($self, @targets) {
    my @clients = map { $self->client } @targets;
    $clients[$_]->send(RustPageCache::Client::get($targets[$_])) for 0 .. $#targets;
    return map { $_->response } @clients;
}

# HUP, and waits until workers of the new configuration have taken over.
sub reload ($self) {
    my %old = map { $_ => 1 } $self->all_worker_pids;
    kill 'HUP', $self->{pid};
    my $new = wait_until(sub {
        my @workers = $self->worker_pids;
        @workers == $self->{workers} && !grep { $old{$_} } @workers;
    });
    Test::More::diag($self->log) if !$new;
    return $new;
}

# Another master has taken over (USR2).
sub succeed ($self, $pid) {
    delete $running{$self->{pid}};
    $running{$pid} = $self;
    $self->{pid} = $pid;
    return;
}

# QUIT; true if it ended by itself.
sub quit ($self, $signal = 'QUIT') {
    my $pid = delete $self->{pid} or return 1;
    delete $running{$pid};
    kill $signal, $pid;
    return 1 if wait_until(sub { !-e "$self->{prefix}/nginx.pid" && !alive($pid) });
    kill 'KILL', $self->worker_pids($pid), $pid;
    return 0;
}

# Ends nginx and says as tests that it ended by itself and that its error log
# holds nothing that was not expected.
sub finish ($self, $name = 'nginx') {
    Test::More::ok($self->quit, "$name ends when told to quit");
    my @problems = RustPageCache::log_problems($self->log, @{$self->{errors}});
    Test::More::is(join("\n", @problems), '', "$name: the error log is clean");
    return;
}

# Zombies count as gone: a daemon's parent may be slow to collect it.
sub alive ($pid) {
    open my $in, '<', "/proc/$pid/stat" or return 0;
    my $stat = <$in> // return 0;
    return $stat !~ /\) [ZX] /;
}

sub stop_all ($class) {
    for my $nginx (values %running) {
        # A test may have ended between two masters.
        my $second = $nginx->pid;
        kill 'TERM', $second if $second && $second != $nginx->{pid};
        $nginx->quit('TERM');
    }
    return;
}

1;
