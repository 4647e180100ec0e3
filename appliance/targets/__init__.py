"""Where backups are carried to: a folder, and servers of FTP, FTPS and SFTP."""
