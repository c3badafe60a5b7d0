package RustPageCache::Blocks;

# Test::Nginx::Socket with our defaults. Load it before Test::Nginx::Socket,
# which reads its settings from the environment as it is loaded:
#
#   use RustPageCache::Blocks;
#   use Test::Nginx::Socket 'no_plan';
#   run_tests();
#
# A block may use these sections besides the usual ones:
#
#   --- memcached     what the store holds before the request, a line each:
#   --- redis         `key = value`, or `key [flags] = value`; \r \n \t \xNN and
#                     \\ stand for bytes
#   --- cache         what $rust_page_cache_status and _reason say: `MISS absent`
#   --- cache_key     what $rust_page_cache_key says
#   --- own_django    the block defines @django itself, or wants it missing
#   --- may_error     patterns of [error] lines that are no fault, a line each
#
# and in any section the services of RustPageCache by $TEST_NGINX_NAME. Every
# block also tests that nginx ends when told to and that its error log is clean.

use v5.32;
use warnings;
use experimental 'signatures';

use RustPageCache;
use RustPageCache::Nginx;
use RustPageCache::Process qw(wait_until);

BEGIN {
    my $port = free_port;
    $ENV{TEST_NGINX_SERVROOT}     = scratch . '/servroot';
    $ENV{TEST_NGINX_LOAD_MODULES} = module_path;
    $ENV{TEST_NGINX_BINARY}       = nginx_binary;
    $ENV{TEST_NGINX_PORT}         = $port;
    $ENV{TEST_NGINX_CLIENT_PORT}  = $port;
    $ENV{TEST_NGINX_SERVER_PORT}  = $port;
    $ENV{TEST_NGINX_STREAM_PORT}  = 0;    # unused, but computed from an address otherwise
    $ENV{TEST_NGINX_LOG_LEVEL} //= 'info';
    $ENV{TEST_NGINX_TIMEOUT}   //= 10;
    require Test::Nginx::Util;
    Test::Nginx::Util->import;
}

# The real life of a module is in a worker below a master; loopback only.
master_on();
server_port("127.0.0.1:$ENV{TEST_NGINX_PORT}");
server_port_for_client($ENV{TEST_NGINX_PORT});
no_root_location();
no_long_string();
$Test::Nginx::Util::WorkerConnections = 256;

add_block_preprocessor(sub ($block) {
    flush_stores();
    start_services($block);
    fill($block, 'memcached', \&memcached);
    fill($block, 'redis',     \&redis);
    add_defaults($block);
    add_expectations($block);
});

# Naming a service starts it and gives the variable its value. Test::Nginx puts
# the values into some sections only; here all take them.
sub start_services ($block) {
    my @sections = qw(main_config http_config config request more_headers response_body);
    my @expanded = qw(response_headers error_log may_error access_log cache_key);
    for my $section (@sections, @expanded) {
        my $text = $block->$section // next;
        next if ref $text || $text !~ /\$TEST_NGINX_/;
        $ENV{"TEST_NGINX_$_"} //= service($_) // next for $text =~ /\$TEST_NGINX_(\w+)/g;
        next unless grep { $_ eq $section } @expanded;
        $block->set_value($section, $text =~ s/\$(TEST_NGINX_\w+)/$ENV{$1}/gr);
    }
    return;
}

sub fill ($block, $section, $store) {
    my $text = $block->$section // return;
    for my $line (split /\n/, $text) {
        next unless length $line;
        my ($key, $flags, $value) = $line =~ /^(.+?)(?: \[(\d+)\])? =(?: (.*))?$/
            or die $block->name . ": cannot read `$line`\n";
        my @flags = defined $flags ? $flags : ();
        $store->()->set(unescape($key), unescape($value // ''), @flags);
    }
    return;
}

sub unescape ($text) {
    my %byte = (n => "\n", r => "\r", t => "\t", '\\' => '\\');
    return $text =~ s{\\(?:x([0-9a-fA-F]{2})|([nrt\\]))}{defined $1 ? chr hex $1 : $byte{$2}}ger;
}

sub add_defaults ($block) {
    my $http = $block->http_config // '';
    my $preamble = RustPageCache::Nginx::report_headers() . RustPageCache::Nginx::patient_timeouts($http);
    $block->set_value('http_config', $preamble . $http);
    my $config = $block->config // '';
    if (!defined $block->own_django && $config !~ /location\s+\@django\b/) {
        $ENV{TEST_NGINX_APP_PORT} //= service('APP_PORT');
        $config .= <<"CONF";
        location \@django {
            proxy_pass http://127.0.0.1:$ENV{TEST_NGINX_APP_PORT};
        }
CONF
    }
    $block->set_value('config', $config);
    return;
}

# `cache` and `cache_key` become lines of `response_headers`, one text for each
# request of the block.
sub add_expectations ($block) {
    return unless defined $block->cache || defined $block->cache_key;
    my @cache = texts($block, 'cache');
    my @key   = texts($block, 'cache_key');
    my @given = texts($block, 'response_headers');
    my $n     = (sort { $b <=> $a } scalar @cache, scalar @key, scalar @given)[0];
    my @wanted;
    for my $i (0 .. $n - 1) {
        my $text = $given[$i] // '';
        $text .= "\n" if length $text && $text !~ /\n\z/;
        if (defined(my $cache = $cache[$i])) {
            my ($status, $reason) = split ' ', $cache;
            $text .= defined $status ? "X-Cache: $status\n"        : "!X-Cache\n";
            $text .= defined $reason ? "X-Cache-Reason: $reason\n" : "!X-Cache-Reason\n";
        }
        if (defined(my $key = $key[$i])) {
            chomp $key;
            $text .= length $key ? "X-Cache-Key: $key\n" : "!X-Cache-Key\n";
        }
        push @wanted, $text;
    }
    my $many = grep { ref $block->$_ } qw(cache cache_key response_headers);
    $block->set_value('response_headers', $many ? \@wanted : $wanted[0]);
    return;
}

sub texts ($block, $section) {
    my $value = $block->$section;
    return ref $value ? @$value : defined $value ? $value : ();
}

# ------------------------------------------------- the end of every block

add_test_cleanup_handler(sub ($block) {
    my $name = $block->name;
    my $pid  = pid();
    if (defined $pid) {
        kill 'QUIT', $pid;
        my $gone = wait_until(sub { !defined pid() && !RustPageCache::Nginx::alive($pid) });
        Test::More::ok($gone, "$name - nginx ends when told to quit");
    }
    my @expected = map { ref $_ ? $_ : split /\n/ } map { texts($block, $_) } qw(error_log may_error);
    my @problems = log_problems(error_log(), @expected);
    Test::More::is(join("\n", @problems), '', "$name - the error log is clean");
});

sub pid () {
    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/logs/nginx.pid" or return;
    my $pid = <$in> // return;
    return $pid =~ /^(\d+)$/ ? $1 : undef;
}

sub error_log () {
    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/logs/error.log" or return '';
    local $/;
    return <$in> // '';
}

# A configuration that nginx refuses fails this file at once: Test::Nginx would
# try for half a minute and then stop the whole run.
{
    no warnings 'redefine';
    my $write = \&Test::Nginx::Util::write_config_file;
    *Test::Nginx::Util::write_config_file = Scalar::Util::set_prototype(
        sub ($block, @rest) {
            $write->($block, @rest);
            my $command = join ' ', nginx_binary, '-t -p', "$ENV{TEST_NGINX_SERVROOT}/",
                '-c', $Test::Nginx::Util::ConfFile, '-e /dev/null 2>&1';
            my $output = qx($command);
            return if $? == 0;
            Test::More::fail($block->name . ' - nginx accepts the configuration');
            Test::More::diag($output);
            exit 1;
        },
        '$$$',
    );
    *Test::More::BAIL_OUT = sub (@why) { Test::More::diag(@why); exit 1 };
}

1;
